/// A list that is fetched page by page while it is iterated. Each iterator starts from the beginning. What is added
/// or removed meanwhile may or may not appear.
public struct Pages<Element: Sendable>: AsyncSequence, Sendable {
    public typealias Failure = TimesaleError

    private let makePages: @Sendable () -> NextPage

    /// Fetches the next page; nil after the last.
    typealias NextPage = () async throws(TimesaleError) -> [Element]?

    init<Cursor: Sendable>(
        _ fetch:
            @escaping @Sendable (Cursor?) async throws(TimesaleError) -> (items: [Element], next: Cursor?)
    ) {
        makePages = {
            var after: Cursor?
            var isLast = false
            return { () async throws(TimesaleError) in
                guard !isLast else { return nil }
                let page = try await fetch(after)
                after = page.next
                isLast = page.next == nil
                return page.items
            }
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(nextPage: makePages()) }

    public struct Iterator: AsyncIteratorProtocol {
        let nextPage: NextPage
        private var items: ArraySlice<Element> = []
        private var isAtEnd = false

        init(nextPage: @escaping NextPage) { self.nextPage = nextPage }

        public mutating func next() async throws(TimesaleError) -> Element? {
            // A page may be empty although more follow.
            while items.isEmpty {
                guard !isAtEnd, let page = try await nextPage() else {
                    isAtEnd = true
                    return nil
                }
                items = page[...]
            }
            return items.removeFirst()
        }
    }
}

internal import Protocol

/// Durable events that came together, and the position behind them.
public struct TailBatch: Hashable, Sendable {
    /// In the order of their positions. Empty if what lies between the last position and this one says nothing to
    /// anybody.
    public var events: [TailEvent]
    /// Everything up to here has been delivered, with this batch.
    public var position: TailPosition

    public init(events: [TailEvent], position: TailPosition) {
        self.events = events
        self.position = position
    }
}

/// The durable events of a server behind a position, in batches: for who does something for all of a batch at once,
/// such as a transaction of a database that saves the position too. See
/// `TimesaleClient.tailBatches(after:limit:follows:)`.
public struct TailBatches: AsyncSequence, Sendable {
    public typealias Element = TailBatch
    public typealias Failure = TimesaleError

    let client: TimesaleClient
    let after: TailPosition
    let limit: Int
    let follows: Bool

    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client, position: after, limit: limit, follows: follows)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let client: TimesaleClient
        private(set) var position: TailPosition
        let limit: Int
        let follows: Bool
        private var isAtEnd = false

        init(client: TimesaleClient, position: TailPosition, limit: Int, follows: Bool) {
            self.client = client
            self.position = position
            self.limit = limit
            self.follows = follows
        }

        /// Asks for what comes next, and for no more: the server waits for who is slow.
        public mutating func next() async throws(TimesaleError) -> TailBatch? {
            while !isAtEnd {
                let before = position
                do throws(TimesaleError) {
                    let batch = try await client.tailOnce(after: position, limit: limit, waits: follows)
                    position = batch.position
                    if !follows && batch.events.isEmpty { isAtEnd = true }
                    if !batch.events.isEmpty || position != before { return batch }
                } catch {
                    // A server that is away comes back; the position stays good.
                    guard follows, error.isRetryable else { throw error }
                    try await client.pauseBeforeRetry()
                }
            }
            return nil
        }
    }
}

/// The durable events of a server behind a position, one by one. See `TimesaleClient.tail(after:limit:follows:)`.
public struct TailEvents: AsyncSequence, Sendable {
    public typealias Element = TailEvent
    public typealias Failure = TimesaleError

    let batches: TailBatches

    public func makeAsyncIterator() -> Iterator { Iterator(batches: batches.makeAsyncIterator()) }

    public struct Iterator: AsyncIteratorProtocol {
        private var batches: TailBatches.Iterator
        private var events: ArraySlice<TailEvent> = []

        init(batches: TailBatches.Iterator) { self.batches = batches }

        public mutating func next() async throws(TimesaleError) -> TailEvent? {
            while events.isEmpty {
                guard let batch = try await batches.next() else { return nil }
                events = batch.events[...]
            }
            return events.removeFirst()
        }
    }
}

import ArgumentParser

/// How much of a list is shown.
struct PageOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp("How many at most, 1 to 1000.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...1000) })
    var limit = 20

    @Flag(help: "All there are.")
    var all = false

    /// Fetches as much as is shown, page by page, and answers it with the place where the next page begins; nil if
    /// nothing follows.
    ///
    /// - Parameter fetch: gets the page behind a place, of at most so many items.
    func gather<Item, Place>(
        after: Place?, _ fetch: (Place?, Int) async throws -> (items: [Item], next: Place?)
    ) async throws -> (items: [Item], next: Place?) {
        var items: [Item] = []
        var next = after
        repeat {
            let page = try await fetch(next, all ? 1000 : limit - items.count)
            items += page.items
            next = page.next
        } while next != nil && (all || items.count < limit)
        return (items, next)
    }
}

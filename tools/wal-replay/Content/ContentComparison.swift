import TimesaleClient

/// The content of a log's state and of a server, without what depends on when something was accepted.
struct ContentComparison {
    private(set) var logDigest = ContentDigest()
    private(set) var serverDigest = ContentDigest()
    private(set) var differences: [ContentDifference] = []
    private(set) var usersCompared = 0
    private(set) var usersKnown = 0

    /// - Parameter forgotten: ids that the log does not know any more; the server may.
    init(_ state: StateAt, _ server: ComparedServer, users: UserCount, forgotten: Set<String>) async throws {
        let all = state.users()
        let chosen = users.chosen(of: all)
        (usersKnown, usersCompared) = (all.count, chosen.count)
        compare(state.offerItems(), try await server.offerItems())
        let nowMs = try await server.client.topology().serverTimeMs
        for (user, found) in zip(chosen, try await server.items(of: chosen)) {
            compare(state.items(of: user, atMs: nowMs), found.filter { !forgotten.contains($0.id) })
        }
    }

    private mutating func compare(_ log: [ContentItem], _ server: [ContentItem]) {
        let mine = Dictionary(log.compactMap(\.withoutTime).map { ($0.name, $0) }) { $1 }
        let theirs = Dictionary(server.compactMap(\.withoutTime).map { ($0.name, $0) }) { $1 }
        for item in mine.values { logDigest.add(item) }
        for item in theirs.values { serverDigest.add(item) }
        for name in Set(mine.keys).union(theirs.keys).sorted() {
            differences += ContentItem.differences(mine[name], theirs[name])
        }
    }
}

extension ContentItem {
    /// An order that expired in one of the two was cancelled in the other; a balance depends on what has expired.
    fileprivate var withoutTime: ContentItem? {
        if kind == .balance { return nil }
        guard kind == .order, let state = self["state"], state == "cancelled" || state == "expired" else {
            return self
        }
        return replacing("state", by: "ended")
    }
}

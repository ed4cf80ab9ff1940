import Log
import TimesaleClient

/// A log and a server, compared until what differs stands still.
struct Comparison {
    /// Of the log, when it was read last.
    private(set) var sequence: UInt64 = 0
    /// What the server said of its own then.
    private(set) var serverSequence: UInt64 = 0
    private(set) var offerCount = 0
    private(set) var usersKnown = 0
    private(set) var usersCompared = 0
    /// Sales, policies, orders, coupons, transactions and balances.
    private(set) var itemCount = 0
    private(set) var rounds = 0
    private(set) var differences: [ContentDifference] = []
    /// What differed each time, by other values.
    private(set) var moving: [String] = []

    private static let roundsMax = 20
    /// Between two rounds, so that what was under way is over.
    private static let pauseMs: Int64 = 200

    /// A thing as the two have it; nil where it is not there.
    private struct Pair: Equatable {
        var log: ContentItem?
        var server: ContentItem?
    }

    init(_ storage: any LogStorage, _ server: ComparedServer, users: UserCount) async throws {
        var before: [String: Pair] = [:]
        var comparesOffers = true
        var chosen: [UserKey]?
        while true {
            rounds += 1
            let state = try StateAt.load(storage, until: nil)
            defer { state.free() }
            sequence = state.sequence
            let asked: [UserKey]
            if let chosen {
                asked = chosen
            } else {
                let all = state.users()
                usersKnown = all.count
                asked = users.chosen(of: all)
                usersCompared = asked.count
            }
            let topology = try await server.client.topology()
            serverSequence = topology.sequence
            var pairs: [String: Pair] = [:]
            var owners: [String: UserKey] = [:]
            if comparesOffers {
                Self.pair(state.offerItems(), try await server.offerItems(), &pairs)
                offerCount = max(offerCount, pairs.count)
            }
            for (user, items) in zip(asked, try await server.items(of: asked)) {
                var own: [String: Pair] = [:]
                Self.pair(state.items(of: user, atMs: topology.serverTimeMs), items, &own)
                for (name, pair) in own {
                    owners[name] = user
                    pairs[name] = pair
                }
            }
            if rounds == 1 { itemCount = pairs.count }
            let differing = pairs.filter { $0.value.log != $0.value.server }
            let settled = differing.filter { before[$0.key] == $0.value }
            if settled.count == differing.count || rounds == Self.roundsMax {
                for name in differing.keys.sorted() {
                    if let pair = settled[name] {
                        differences += ContentItem.differences(pair.log, pair.server)
                    } else {
                        moving.append(name)
                    }
                }
                return
            }
            before = differing
            comparesOffers = differing.keys.contains { owners[$0] == nil }
            chosen = Set(differing.keys.compactMap { owners[$0] }).sorted()
            try await Task.sleep(for: .milliseconds(Self.pauseMs))
        }
    }

    private static func pair(_ log: [ContentItem], _ server: [ContentItem], _ pairs: inout [String: Pair]) {
        for item in log { pairs[item.name, default: Pair()].log = item }
        for item in server { pairs[item.name, default: Pair()].server = item }
    }
}

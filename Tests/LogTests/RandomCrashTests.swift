import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// Random writers over random crashes: whatever was answered is there after them, and what is there is a
/// prefix of each log.
@Suite struct RandomCrashTests {
    @Test(arguments: FsyncMode.allCases)
    func whatWasDurableStays(mode: FsyncMode) throws {
        for seed in 1...60 as ClosedRange<UInt64> {
            do {
                try run(seed: seed, mode: mode)
            } catch {
                Issue.record("seed \(seed), \(mode): \(error)")
                return
            }
        }
    }

    struct Wrong: Error { var what: String }

    private func run(seed: UInt64, mode: FsyncMode) throws {
        var random = SeededRandom(seed: seed)
        let storage = SimulatedStorage()
        let recoverer = Recoverer()
        var history: [LoggedEvent] = []
        for round in 0..<6 {
            let shards = [1, 1, 2, 3].randomElement(using: &random)!
            let rig = try LogRig(storage, shards: shards, mode: mode)
            let expected = try recoverer.digest(history)
            guard rig.digest == expected else { throw Wrong(what: "round \(round) lost something") }
            guard round < 5 else { return }
            // Each round has sales and orders of its own, which rest on nothing that an earlier one lost.
            try write(
                Scenario(seed: seed << 8 | UInt64(round), count: 120, base: UInt64(round)).events, rig,
                using: &random)
            let isKill = Bool.random(using: &random)
            if isKill { storage.kill(using: &random) } else { storage.losePower(using: &random) }
            let next = try recoverer.judge(LogDirectory(storage: storage), shards: shards)
            for shard in 0..<shards {
                let safe = isKill || mode == .always ? rig.writtenLsn(shard) : rig.durableLsn(shard)
                guard next.nextLsns[shard] > safe else {
                    throw Wrong(what: "round \(round), shard \(shard): \(next.nextLsns[shard]) after \(safe)")
                }
            }
            history += rig.appended.filter { $0.lsn < next.nextLsns[$0.shard] }
        }
    }

    /// Gives the events to the logs, with writes completing in any order, and stops in the middle.
    private func write(_ events: [TestEvent], _ rig: LogRig, using random: inout SeededRandom) throws {
        var tickets: [(shard: Int, ticket: UInt64)] = []
        let stop = Int.random(in: 0...events.count, using: &random)
        for event in events.prefix(stop) {
            rig.append(event)
            if event.kind.isOfCatalogue || (0..<rig.shards).contains(where: { !rig.hasRoom($0) }) {
                // A creation is durable before an order can rest on it.
                for (shard, ticket) in tickets { rig.complete(ticket, shard) }
                tickets = []
                try rig.flush()
            }
            let shard = Int.random(in: 0..<rig.shards, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: if let ticket = try rig.begin(shard) { tickets.append((shard, ticket)) }
            case 2, 3:
                if let place = tickets.indices.randomElement(using: &random) {
                    let (shard, ticket) = tickets.remove(at: place)
                    rig.complete(ticket, shard)
                }
            case 4: rig.sync(shard)
            default: if tickets.isEmpty { rig.mark() }
            }
        }
    }
}

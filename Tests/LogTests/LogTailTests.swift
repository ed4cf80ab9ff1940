import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// Following the logs: every event once, in one order that does not depend on who reads when, and nothing before it is
/// durable.
@Suite struct LogTailTests {
    /// What a follower has been given: shard and LSN of each event, and the sequences of the blocks.
    private struct Follower {
        let tail: LogTail
        var events: [[UInt64]]
        var sequences: [UInt64] = []

        init(_ rig: LogRig, after sequence: UInt64 = 0, isClose: Bool) throws {
            for recent in rig.recent where isClose { recent.isWanted = true }
            tail = try LogTail(storage: rig.storage, after: sequence, recent: isClose ? rig.recent : [])
            events = Array(repeating: [], count: rig.shards)
        }

        mutating func follow(upTo cut: UInt64) throws {
            while let (shard, block) = try tail.next(upTo: cut) {
                #expect(block.header.sequence > sequences.last ?? 0 && block.header.sequence <= cut)
                sequences.append(block.header.sequence)
                var cursor = block.events
                while try cursor.next() != nil { events[shard].append(cursor.lastLsn) }
            }
        }
    }

    /// Four followers of one log, near and far behind, from memory and from segments, while blocks are written in small
    /// steps, some of them out of order.
    @Test(arguments: [1, 2, 5], [1, 2, 3, 4] as [UInt64])
    func everyEventOnceAndInOrder(_ shards: Int, _ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        // The smaller ring is soon overtaken.
        let rig = try LogRig(SimulatedStorage(), shards: shards, recentBytes: seed % 2 == 0 ? 16384 : 1 << 18)
        var followers = [try Follower(rig, isClose: true), try Follower(rig, isClose: false)]
        var tickets: [(shard: Int, ticket: UInt64)] = []
        for event in Scenario(seed: seed, count: 900).events {
            rig.append(event)
            for shard in 0..<shards where !rig.hasRoom(shard) || Int.random(in: 0..<12, using: &random) == 0 {
                if let ticket = try rig.begin(shard) { tickets.append((shard, ticket)) }
                if !rig.hasRoom(shard) { complete(&tickets, rig, of: shard) }
            }
            if Bool.random(using: &random), let index = tickets.indices.randomElement(using: &random) {
                let (shard, ticket) = tickets.remove(at: index)
                rig.complete(ticket, shard)
            }
            for index in followers.indices where Int.random(in: 0..<(index * 60 + 5), using: &random) == 0 {
                try followers[index].follow(upTo: rig.board.cut())
            }
        }
        for shard in 0..<shards { complete(&tickets, rig, of: shard) }
        try rig.flush()
        try rig.flush()
        let late = try Follower(rig, isClose: false)
        followers.append(late)
        for index in followers.indices {
            try followers[index].follow(upTo: rig.board.cut())
            for shard in 0..<shards {
                #expect(followers[index].events[shard] == rig.appended.filter { $0.shard == shard }.map(\.lsn))
            }
            #expect(followers[index].sequences == followers[0].sequences)
        }
        // From the middle on: exactly what comes after it.
        let middle = followers[0].sequences[followers[0].sequences.count / 2]
        var second = try Follower(rig, after: middle, isClose: true)
        try second.follow(upTo: rig.board.cut())
        #expect(second.sequences == followers[0].sequences.filter { $0 > middle })
    }

    private func complete(_ tickets: inout [(shard: Int, ticket: UInt64)], _ rig: LogRig, of shard: Int) {
        for entry in tickets where entry.shard == shard { rig.complete(entry.ticket, shard) }
        tickets.removeAll { $0.shard == shard }
    }

    /// What is written and not synced is not shown.
    @Test func nothingBeforeItIsDurable() throws {
        let rig = try LogRig(SimulatedStorage(), mode: .no)
        var follower = try Follower(rig, isClose: true)
        rig.append(.sale(7, stock: 10))
        rig.complete(try #require(try rig.begin(0)), 0)
        try follower.follow(upTo: rig.board.cut())
        #expect(follower.events[0].isEmpty)
        rig.sync(0)
        try follower.follow(upTo: rig.board.cut())
        #expect(follower.events[0] == [1])
    }

    /// Behind two snapshots the beginning is gone, and that is said; the rest is whole.
    @Test func whatIsTrimmedIsSaid() throws {
        let rig = try LogRig(SimulatedStorage())
        for (number, event) in Scenario(seed: 6, count: 300).events.enumerated() {
            rig.append(event)
            if !rig.hasRoom(0) || number % 40 == 0 { try rig.flush() }
            guard number % 100 == 99 else { continue }
            try rig.flush()
            let cut = try Snapshotter.take(
                storage: rig.storage, sequence: rig.board.cut(),
                capacities: LogRig.configuration(shards: 1).capacities, retainMs: 1 << 40, memory: .zeroed
            ) { _ in }
            try Recovery.removeCovered(Snapshotter.adopt(#require(cut).manifest, storage: rig.storage))
        }
        try rig.flush()
        let oldest = try #require(LogDirectory(storage: rig.storage).manifest).bases[0]
        #expect(oldest.sequence > 0)
        #expect(throws: TailFault.trimmed(oldestSequence: oldest.sequence)) { try Follower(rig, isClose: false) }
        var follower = try Follower(rig, after: oldest.sequence, isClose: false)
        try follower.follow(upTo: rig.board.cut())
        #expect(follower.events[0] == rig.appended.map(\.lsn).filter { $0 >= oldest.starts[0].nextLsn })
    }
}

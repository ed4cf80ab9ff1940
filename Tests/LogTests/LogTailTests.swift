import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// Following the logs: every event once, in one order that does not depend on who reads when, and nothing before it
/// is durable.
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

    /// Four followers of one log, near and far behind, from memory and from segments, while blocks are written in
    /// small steps, some of them out of order.
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

    /// A follower that falls behind until its segments have left is told so, whether it looks into memory first or
    /// not: it is never given what comes later as if nothing had been before.
    @Test(arguments: [true, false], [0, 1, 150])
    func whoIsOvertakenIsTold(_ isClose: Bool, _ begins: Int) throws {
        let rig = try LogRig(SimulatedStorage(), shards: 2, recentBytes: 16384)
        var follower = try Follower(rig, isClose: isClose)
        for (number, event) in Scenario(seed: 6, count: 400).events.enumerated() {
            rig.append(event)
            if !(0..<2).allSatisfy(rig.hasRoom) || number % 20 == 0 { try rig.flush() }
            if number == begins { try follower.follow(upTo: rig.board.cut()) }
            guard number % 100 == 99 else { continue }
            try rig.flush()
            let cut = try Snapshotter.take(
                storage: rig.storage, sequence: rig.board.cut(),
                capacities: LogRig.configuration(shards: 2).capacities, retainMs: 1 << 40, memory: .zeroed
            ) { _ in }
            try Recovery.removeCovered(Snapshotter.adopt(#require(cut).manifest, storage: rig.storage))
        }
        try rig.flush()
        let before = follower.events.map(\.count)
        let oldest = try #require(LogDirectory(storage: rig.storage).manifest).bases[0].sequence
        #expect(throws: TailFault.trimmed(oldestSequence: oldest)) { try follower.follow(upTo: rig.board.cut()) }
        // What it may have been given before the fault is what came next.
        for shard in 0..<2 {
            let lsns = rig.appended.filter { $0.shard == shard }.map(\.lsn)
            #expect(follower.events[shard] == Array(lsns.prefix(follower.events[shard].count)))
            #expect(follower.events[shard].count >= before[shard])
        }
    }

    /// Segments that are longer ago than the position are not read: it begins in the one that holds it.
    @Test func itBeginsInTheSegmentOfItsPosition() throws {
        let storage = CountingStorage(SimulatedStorage())
        let rig = try LogRig(storage.inner)
        for event in Scenario(seed: 9, count: 800).events {
            rig.append(event)
            try rig.flush()
        }
        var all = try Follower(rig, isClose: false)
        try all.follow(upTo: rig.board.cut())
        #expect(rig.currentSegment(0) > 10)
        let after = all.sequences[all.sequences.count - 2]
        let tail = try LogTail(storage: storage, after: after, recent: [])
        #expect(try tail.next(upTo: rig.board.cut())?.block.header.sequence == all.sequences.last)
        let first = LogFiles.segment(log: rig.log(0), number: 1)
        #expect(!storage.read.contains(first) && !storage.read.isEmpty, "\(storage.read)")
    }

    /// Who has caught up is served from memory: the disk is left to the log, also where a log has nothing to say.
    @Test func whoIsCloseLeavesTheDiskAlone() throws {
        let storage = CountingStorage(SimulatedStorage())
        let rig = try LogRig(storage.inner, shards: 2)
        for recent in rig.recent { recent.isWanted = true }
        let tail = try LogTail(storage: storage, after: 0, recent: rig.recent)
        for number in 0..<50 {
            rig.appendTo(1, .sale(UInt64(number + 1), stock: 10))
            rig.complete(try #require(try rig.begin(1)), 1)
            // The first look may go to the disk: what had been there before?
            if number == 1 { storage.forget() }
            #expect(try #require(try tail.next(upTo: rig.board.cut())).shard == 1)
            #expect(try tail.next(upTo: rig.board.cut()) == nil)
        }
        #expect(storage.read.isEmpty && storage.listed == 0, "\(storage.read)")
    }

    /// A block is written between two looks at where the log ends, of a reader that does not want it: the log ends
    /// there all the same.
    @Test func aBlockThatComesWhileTheEndIsLookedAt() throws {
        let storage = CountingStorage(SimulatedStorage())
        let rig = try LogRig(storage.inner)
        rig.append(.sale(7, stock: 10))
        try rig.flush()
        let cut = rig.board.cut()
        rig.append(.sale(8, stock: 10))
        let ticket = try #require(try rig.begin(0))
        let following = LogFiles.segment(log: rig.log(0), number: 2)
        storage.beforeRead = { name in
            guard name == following else { return }
            storage.beforeRead = nil
            rig.complete(ticket)
        }
        let directory = try LogDirectory(storage: storage)
        let manifest = try #require(directory.manifest)
        var reader = try LogReader(
            directory, manifest: manifest, base: manifest.newestBase, shard: 0, untilSequence: cut)
        while try reader.next() != nil {}
        let isBeyond = reader.isBeyond
        #expect(!isBeyond && storage.beforeRead == nil)
        let end = try reader.end()
        #expect(end == .clean)
    }

    /// Blocks are no longer kept and then kept again: what was written in between comes from the disk.
    @Test func whatWasNotKeptIsReadFromTheDisk() throws {
        let rig = try LogRig(SimulatedStorage())
        var follower = try Follower(rig, isClose: true)
        var random = SeededRandom(seed: 3)
        for event in Scenario(seed: 12, count: 300).events {
            rig.append(event)
            try rig.flush()
            if Int.random(in: 0..<5, using: &random) == 0 { rig.recent[0].isWanted.toggle() }
            if Int.random(in: 0..<3, using: &random) == 0 { try follower.follow(upTo: rig.board.cut()) }
        }
        try follower.follow(upTo: rig.board.cut())
        #expect(follower.events[0] == rig.appended.map(\.lsn))
    }
}

/// Notes what is read.
private final class CountingStorage: LogStorage {
    let inner: SimulatedStorage
    var read: [String] = []
    var listed = 0
    var beforeRead: ((String) -> Void)?

    init(_ inner: SimulatedStorage) { self.inner = inner }

    func forget() {
        read = []
        listed = 0
    }

    func list() throws(StorageError) -> [String] {
        listed += 1
        return try inner.list()
    }

    func sizeBytes(_ name: String) throws(StorageError) -> Int { try inner.sizeBytes(name) }

    func read(
        _ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        if name != LogFiles.manifest { read.append(name) }
        beforeRead?(name)
        return try inner.read(name, at: offset, into: buffer)
    }

    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try inner.write(name, at: offset, bytes)
    }

    func create(_ name: String) throws(StorageError) { try inner.create(name) }
    func sync(_ name: String) throws(StorageError) { try inner.sync(name) }
    func rename(_ name: String, to other: String) throws(StorageError) { try inner.rename(name, to: other) }
    func remove(_ name: String) throws(StorageError) { try inner.remove(name) }
    func syncDirectory() throws(StorageError) { try inner.syncDirectory() }
}

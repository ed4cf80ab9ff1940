import Protocol
import Testing

@testable import Engine
@testable import Log

/// The group commit: what it hands out, when, and what it takes for durable.
@Suite struct LogWriterTests {
    static let blockSizeMaxBytes = 8192
    static let segmentSizeBytes = 16384

    /// A writer, and the events that go into it.
    final class Rig {
        private var writer: LogWriter
        let sequence = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        private let buffer = UnsafeMutablePointer<EventBuffer>.allocate(capacity: 1)

        let board: DurableBoard

        init(_ mode: FsyncMode = .always, position: LogPosition = .beginning, secondWriteMinBytes: Int = 0) {
            sequence.initialize(to: 40)
            board = DurableBoard(shards: 4, counter: sequence, memory: .zeroed)
            buffer.initialize(
                to: EventBuffer(
                    base: MemorySource.zeroed.allocate(64), capacityBytes: 0, nextLsn: position.nextLsn))
            writer = LogWriter(
                identity: LogIdentity(
                    logId: 3, generation: 2, shard: 1, shards: 4,
                    segmentSizeBytes: LogWriterTests.segmentSizeBytes),
                mode: mode, position: position, events: buffer, board: board, memory: .zeroed,
                blockSizeMaxBytes: LogWriterTests.blockSizeMaxBytes, secondWriteMinBytes: secondWriteMinBytes)
        }

        func seal(_ count: Int = 1) -> WriteCommand? {
            for _ in 0..<count { TestEvent.close(7).append(to: writer.events) }
            return writer.seal(nowMs: 77)
        }

        /// Orders of one sale and millisecond.
        func seal(orders count: Int) -> WriteCommand? {
            for number in 1...UInt64(count) {
                let ids = writer.events.pointee.appendOrder(sale: 7, quantity: 1, deadlineMs: 0, timeMs: 77)
                ids.storeId(Id128(number), 0)
                ids.storeId(Id128(42), 16)
            }
            return writer.seal(nowMs: 77)
        }

        func mark() -> WriteCommand? { writer.sealMark(nowMs: 0) }
        func empty() -> WriteCommand? { writer.sealEmpty(nowMs: 0) }
        func complete(_ command: WriteCommand) { writer.writeCompleted(ticket: command.ticket) }
        func prepare(_ segment: UInt64) { writer.segmentIsPrepared(segment) }
        func sync(nowMs: UInt64, isAwaited: Bool) -> SyncCommand? {
            writer.sync(nowMs: nowMs, isAwaited: isAwaited)
        }
        func syncCompleted() { writer.syncCompleted() }
        var durableLsn: UInt64 { writer.durableLsn }
        var repliableLsn: UInt64 { writer.repliableLsn }
        var writtenSequence: UInt64 { writer.writtenSequence }
        var segmentToPrepare: UInt64? { writer.segmentToPrepare }
        var isQuiet: Bool { writer.isQuiet }

        deinit {
            sequence.deallocate()
            buffer.deallocate()
        }
    }

    private func header(_ command: WriteCommand) -> BlockHeader {
        #expect(BlockHeader.isIntact(command.memory))
        let header = BlockHeader(command.memory)
        #expect(header.bodyIsIntact(command.memory))
        return header
    }

    @Test func aBlockSaysWhatItHolds() throws {
        let rig = Rig()
        let command = try #require(rig.seal(3))
        let found = header(command)
        #expect(command.lengthBytes == 4096 && command.segment == 1 && command.offsetBytes == 0)
        #expect(found.logId == 3 && found.generation == 2 && found.shard == 1 && found.shards == 4)
        #expect(found.firstLsn == 1 && found.lastLsn == 3 && found.eventCount == 3 && found.eventsBytes == 72)
        #expect(
            found.sequence == 41 && found.durableLsn == 0 && found.timeMs == 77 && found.previousChecksum == 0
        )
        let next = header(try #require(rig.seal()))
        #expect(next.firstLsn == 4 && next.sequence == 42 && next.previousChecksum == found.headerChecksum)
    }

    @Test func nothingToWriteIsNoBlock() {
        let rig = Rig()
        #expect(rig.seal(0) == nil)
        #expect(rig.mark() == nil)
        #expect(rig.sequence.pointee == 40)
    }

    @Test func twoWritesAreUnderWayNotThree() throws {
        let rig = Rig()
        let first = try #require(rig.seal())
        let second = try #require(rig.seal())
        #expect(first.memory != second.memory)
        #expect(rig.seal() == nil)
        rig.complete(first)
        #expect(rig.durableLsn == 1)
        // What came meanwhile goes into one block.
        let third = header(try #require(rig.seal()))
        #expect(third.firstLsn == 3 && third.eventCount == 2 && third.durableLsn == 1)
    }

    @Test func aSecondWriteIsForAGroupWorthIt() throws {
        let rig = Rig(secondWriteMinBytes: 240)
        let large = try #require(rig.seal(30))
        #expect(rig.seal(14) == nil, "less than half of what is under way")
        let half = try #require(rig.seal(1))
        #expect(header(half).eventCount == 15)
        rig.complete(large)
        #expect(rig.seal(9) == nil, "too little for a write of its own")
        #expect(header(try #require(rig.seal(1))).eventCount == 10)
        rig.complete(half)
        #expect(rig.seal(1) == nil)
        #expect(rig.isQuiet == false)
    }

    /// With nothing under way nothing is too little.
    @Test func aFirstWriteNeverWaits() throws {
        let rig = Rig(secondWriteMinBytes: 1024)
        let first = try #require(rig.seal())
        #expect(rig.seal() == nil)
        rig.complete(first)
        #expect(header(try #require(rig.seal(0))).eventCount == 1)
    }

    @Test func durableIsTheContiguousPrefix() throws {
        let rig = Rig()
        let first = try #require(rig.seal(2))
        let second = try #require(rig.seal(2))
        rig.complete(second)
        #expect(rig.durableLsn == 0 && rig.repliableLsn == 0 && rig.writtenSequence == 0)
        #expect(rig.seal() == nil, "the block of the first write is still in use")
        rig.complete(first)
        #expect(rig.durableLsn == 4 && rig.repliableLsn == 4 && rig.writtenSequence == 42)
        #expect(header(try #require(rig.seal())).durableLsn == 4)
    }

    @Test func theNextSegmentMustBePrepared() throws {
        let rig = Rig()
        #expect(rig.segmentToPrepare == 2)
        for number in 0..<4 {
            let command = try #require(rig.seal())
            #expect(command.segment == 1 && command.offsetBytes == number * 4096)
            rig.complete(command)
        }
        #expect(rig.seal() == nil, "there is no segment 2 yet")
        rig.prepare(2)
        let command = try #require(rig.seal())
        #expect(command.segment == 2 && command.offsetBytes == 0)
        let found = header(command)
        #expect(found.segment == 2 && found.firstLsn == 5 && found.eventCount == 2)
        #expect(rig.segmentToPrepare == 3)
    }

    @Test func anIdleShardMarksWhatIsDurable() throws {
        let rig = Rig()
        let command = try #require(rig.seal(2))
        #expect(rig.mark() == nil, "a write is under way")
        rig.complete(command)
        let mark = try #require(rig.mark())
        let found = header(mark)
        #expect(found.eventCount == 0 && found.durableLsn == 2 && found.firstLsn == 3 && found.lastLsn == 2)
        rig.complete(mark)
        #expect(rig.mark() == nil, "once is enough")
        #expect(header(try #require(rig.seal())).firstLsn == 3)
    }

    /// A snapshot behind a mark that a power loss takes away begins behind a hole. So in the modes that sync later
    /// a mark comes when all before it is durable, and is written durably itself.
    @Test(arguments: [FsyncMode.everysec, .no]) func aMarkIsDurableWhenItCounts(_ mode: FsyncMode) throws {
        let rig = Rig(mode)
        let first = try #require(rig.seal())
        #expect(!first.isDurable)
        rig.complete(first)
        #expect(rig.board.cut() == 40 && rig.mark() == nil, "nothing is durable yet")
        #expect(rig.sync(nowMs: 0, isAwaited: true) != nil)
        let second = try #require(rig.seal())
        rig.complete(second)
        rig.syncCompleted()
        #expect(rig.durableLsn == 1 && rig.board.cut() == 41)
        #expect(rig.mark() == nil, "the second block is not durable: what came behind it would not count")
        #expect(rig.empty() == nil, "nor may it say that the second one is")
        #expect(rig.sync(nowMs: 0, isAwaited: true) != nil)
        rig.syncCompleted()
        #expect(rig.board.cut() == 42)
        let mark = try #require(rig.mark())
        #expect(mark.isDurable && rig.board.cut() == 42)
        rig.complete(mark)
        #expect(rig.board.cut() == 43)
        // Behind a mark there is nothing to say, but a snapshot may want a block.
        #expect(rig.mark() == nil)
        rig.complete(try #require(rig.empty()))
        #expect(rig.board.cut() == 44)
    }

    /// A start syncs what it recovers; the log has to say so, even if the shard stays idle.
    @Test func aStartOwesAMark() throws {
        let rig = Rig(
            position: LogPosition(
                segment: 1, offsetBytes: 4096, nextLsn: 5, previousChecksum: 9, markedLsn: 2))
        let found = header(try #require(rig.mark()))
        #expect(found.durableLsn == 4 && found.previousChecksum == 9)
    }

    @Test func everySecondOrWhenAwaited() throws {
        let rig = Rig(.everysec)
        let first = try #require(rig.seal())
        rig.complete(first)
        #expect(rig.repliableLsn == 1 && rig.durableLsn == 0)
        #expect(rig.sync(nowMs: 999, isAwaited: false) == nil)
        #expect(rig.sync(nowMs: 1000, isAwaited: false) == SyncCommand(segments: 1...1))
        let second = try #require(rig.seal())
        rig.complete(second)
        #expect(rig.sync(nowMs: 5000, isAwaited: true) == nil, "one at a time")
        rig.syncCompleted()
        #expect(rig.durableLsn == 1, "the second came after the sync began")
        #expect(rig.sync(nowMs: 1500, isAwaited: false) == nil)
        #expect(rig.sync(nowMs: 1500, isAwaited: true) != nil)
    }

    @Test func neverUnlessAwaited() throws {
        let rig = Rig(.no)
        #expect(rig.sync(nowMs: 9000, isAwaited: true) == nil, "nothing is written")
        let command = try #require(rig.seal())
        rig.complete(command)
        #expect(rig.sync(nowMs: 9000, isAwaited: false) == nil)
        #expect(rig.sync(nowMs: 9000, isAwaited: true) != nil)
        rig.syncCompleted()
        #expect(rig.durableLsn == 1 && rig.isQuiet)
    }

    /// The last write of a segment may still be under way when a sync begins, and the log has gone on to the
    /// next segment: the sync after it has to cover both.
    @Test func aSyncCoversTheSegmentsOfWritesThatItMissed() throws {
        let rig = Rig(.everysec)
        rig.prepare(2)
        for _ in 0..<3 {
            let command = try #require(rig.seal())
            rig.complete(command)
        }
        let last = try #require(rig.seal())
        let next = try #require(rig.seal())
        #expect(last.segment == 1 && next.segment == 2)
        #expect(rig.sync(nowMs: 5000, isAwaited: true) == SyncCommand(segments: 1...2))
        rig.syncCompleted()
        rig.complete(last)
        rig.complete(next)
        #expect(rig.sync(nowMs: 9000, isAwaited: true) == SyncCommand(segments: 1...2))
        rig.syncCompleted()
        #expect(rig.durableLsn == 5)
    }
}

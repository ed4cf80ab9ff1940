import CAtomics
import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// What stands behind the last block: what is cut, and what is refused.
@Suite struct TailTests {
    let recoverer = Recoverer()

    /// Sales and orders in `blocks` blocks of one order each, of which the last `inFlight` are under way.
    private func rig(blocks: Int, inFlight: Int = 0, mode: FsyncMode = .always) throws -> (LogRig, [UInt64]) {
        let rig = try LogRig(SimulatedStorage(), mode: mode)
        rig.append(.sale(7, stock: 1000))
        for block in 0..<blocks {
            let user = TestEvent.user(UInt64(block))
            rig.append(.order(TestEvent.orderId(UInt64(block), user: user), user: user, sale: 7))
            let ticket = try #require(try rig.begin())
            if block < blocks - inFlight { rig.complete(ticket) } else { rig.tickets.append(ticket) }
        }
        return (rig, try recoverer.digests(rig.appended.map(\.event)))
    }

    private func block(_ bytes: [UInt8], _ change: (inout BlockHeader) -> Void) -> [UInt8] {
        var bytes = bytes
        bytes.withUnsafeMutableBytes {
            var header = BlockHeader(UnsafeRawPointer($0.baseAddress!))
            change(&header)
            header.seal($0.baseAddress!)
        }
        return bytes
    }

    /// The next block as the writer would have sealed it, changed.
    private func next(_ rig: LogRig, _ change: (inout BlockHeader) -> Void) throws -> [UInt8] {
        let user = TestEvent.user(77)
        rig.append(.order(TestEvent.orderId(77, user: user), user: user, sale: 7))
        let ticket = try #require(try rig.begin())
        let before = rig.storage.contents(rig.lastSegment(0))!
        rig.complete(ticket)
        let after = rig.storage.contents(rig.lastSegment(0))!
        let offset = try #require(before.indices.first { before[$0] != after[$0] }) / 4096 * 4096
        return block(Array(after[offset..<(offset + 4096)]), change)
    }

    /// What recycling will leave: whole blocks of this log's earlier life, of another generation, of another log.
    /// Each would follow perfectly but for one number.
    @Test(arguments: ["segment", "generation", "log"])
    func staleBlocksAreNotTaken(_ what: String) throws {
        let (rig, digests) = try rig(blocks: 2)
        let stale = try next(LogRig(rig.storage.copy())) { header in
            switch what {
            case "segment": header.segment = 99
            case "generation": header.generation = 99
            default: header.logId = 99
            }
        }
        rig.storage.overwrite(rig.lastSegment(0), at: 8192, stale)
        let outcome = try recoverer.recover(rig.storage)
        #expect(outcome.digest == digests[3])
        #expect(outcome.notes.count == 1)
        #expect(try recoverer.recover(rig.storage).notes.isEmpty, "it was erased")
    }

    /// The one that does follow is taken: else the test above would show nothing.
    @Test func theNextBlockIsTaken() throws {
        let (rig, _) = try rig(blocks: 2)
        let block = try next(LogRig(rig.storage.copy())) { _ in }
        rig.storage.overwrite(rig.lastSegment(0), at: 8192, block)
        #expect(try recoverer.recover(rig.storage).nextLsns == [5])
    }

    @Test func aWholeBlockThatDoesNotFollowIsDamage() throws {
        for change in [
            { (header: inout BlockHeader) in header.previousChecksum ^= 1 }, { $0.firstLsn += 1 },
            { $0.sequence = 1 }, { $0.shard = 3 }, { $0.durableLsn = 9 }, { $0.formatVersion = 0 },
        ] {
            let (rig, _) = try rig(blocks: 2)
            let block = try next(LogRig(rig.storage.copy()), change)
            rig.storage.overwrite(rig.lastSegment(0), at: 8192, block)
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(rig.storage) }
            #expect(fault?.kind == .damage && fault?.offset == 8192)
        }
    }

    @Test func aNewerFormatIsRefused() throws {
        let (rig, _) = try rig(blocks: 2)
        let block = try next(LogRig(rig.storage.copy())) { $0.formatVersion = BlockHeader.formatVersion + 1 }
        // Where it is expected, and behind a block that is torn.
        for offset in [8192, 12288] {
            let storage = rig.storage.copy()
            storage.overwrite(rig.lastSegment(0), at: offset, block)
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage) }
            #expect(fault?.kind == .newer && fault?.offset == offset)
        }
    }

    /// Of two writes under way the second may reach the disk alone. Nobody was told of either.
    @Test func theHoleOfTwoWritesInFlight() throws {
        let (rig, digests) = try rig(blocks: 3, inFlight: 2)
        rig.complete(rig.tickets[1])
        #expect(rig.durableLsn(0) == 2)
        var random = SeededRandom(seed: 1)
        rig.storage.losePower(using: &random)
        rig.storage.overwrite(rig.lastSegment(0), at: 4096, [UInt8](repeating: 0, count: 4096))
        let outcome = try recoverer.recover(rig.storage)
        #expect(outcome.digest == digests[2])
        #expect(
            outcome.notes == [
                .tornTailCut(
                    TornTail(
                        shard: 0, file: rig.lastSegment(0), offset: 4096, sizeBytes: 4096, blocks: 1))
            ])
        // What was cut is gone for good, and the log goes on where it was cut.
        let again = try LogRig(rig.storage)
        again.append(.close(7))
        try again.flush()
        #expect(try recoverer.recover(rig.storage).nextLsns == [4])
    }

    /// The same across the end of a segment: the first block of the next one is there, the last of this one is not.
    @Test func theHoleAtTheEndOfASegment() throws {
        let (rig, digests) = try rig(blocks: 5, inFlight: 2)
        #expect(rig.currentSegment(0) == 2)
        rig.complete(rig.tickets[1])
        var random = SeededRandom(seed: 1)
        rig.storage.kill(using: &random)
        rig.storage.overwrite(
            LogFiles.segment(log: 1, number: 1), at: 12288, [UInt8](repeating: 0, count: 4096))
        let outcome = try recoverer.recover(rig.storage)
        #expect(outcome.digest == digests[4])
        #expect(rig.storage.fileNames.filter { $0.hasPrefix("log") } == [LogFiles.segment(log: 1, number: 1)])
    }

    @Test func aLogOfManySegmentsIsReadToItsEnd() throws {
        let (rig, digests) = try rig(blocks: 30)
        #expect(rig.currentSegment(0) == 8)
        #expect(try recoverer.recover(rig.storage.copy()).digest == digests[31])
        for number in 1...8 as ClosedRange<UInt64> {
            let storage = rig.storage.copy()
            storage.lose(LogFiles.segment(log: 1, number: number))
            if number == 8 {
                // Nothing is left that could bear witness: the prepared segment 9 alone shows the gap.
                #expect(storage.fileNames.contains(LogFiles.segment(log: 1, number: 9)))
            }
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage) }
            #expect(fault?.kind == .missing && fault?.file == LogFiles.segment(log: 1, number: number))
        }
        for number in 1...8 as ClosedRange<UInt64> {
            let storage = rig.storage.copy()
            storage.truncate(LogFiles.segment(log: 1, number: number), to: 5000)
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage) }
            #expect(fault?.kind == .damage && fault?.file == LogFiles.segment(log: 1, number: number))
        }
    }

    /// A start makes durable what it recovers, but nothing in the log says so, until the shard is idle.
    @Test func aStartMarksWhatItRecovered() throws {
        let (rig, _) = try rig(blocks: 1, inFlight: 1)
        rig.complete(rig.tickets[0])
        let again = try LogRig(rig.storage.copy())
        again.mark()
        again.storage.flipBit(again.lastSegment(0), at: 200 * 8)
        let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(again.storage) }
        #expect(fault?.kind == .damage)
        // Without the mark the same flip passes for a torn tail.
        rig.storage.flipBit(rig.lastSegment(0), at: 200 * 8)
        #expect(try recoverer.recover(rig.storage).nextLsns == [1])
    }

    @Test func anEventThatContradictsTheStateIsRefused() throws {
        let user = TestEvent.user(1)
        let id = TestEvent.orderId(1, user: user)
        let other = (1...100 as ClosedRange<UInt64>).map(TestEvent.user).first {
            Partition.owner(of: Partition.of(user: $0), shards: 2) == 1
        }!
        for events: [TestEvent] in [
            [.order(id, user: user, sale: 9)], [.change(.orderConfirmed, id)],
            [.sale(7, stock: 1), .sale(7, stock: 1)],
            [.sale(7, stock: 5), .order(id, user: user, sale: 7), .order(id, user: user, sale: 7)],
        ] {
            let rig = try LogRig(SimulatedStorage())
            for event in events { rig.append(event) }
            try rig.flush()
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(rig.storage) }
            #expect(fault?.kind == .contradiction && fault?.file == rig.lastSegment(0) && fault?.offset == 0)
        }
        // An order in the log of a shard that does not own its user.
        let rig = try LogRig(SimulatedStorage(), shards: 2)
        rig.append(.sale(7, stock: 5))
        rig.appendTo(0, .order(TestEvent.orderId(2, user: other), user: other, sale: 7))
        try rig.flush()
        let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(rig.storage, shards: 2) }
        #expect(fault?.kind == .contradiction)
    }

    /// Promise 1 holds before anything is served, or nothing is.
    @Test func moreGivenOutThanThereWasIsRefused() throws {
        let rig = try LogRig(SimulatedStorage())
        rig.append(.sale(7, stock: 2))
        for number in 1...2 as ClosedRange<UInt64> {
            let user = TestEvent.user(number)
            rig.append(
                .order(TestEvent.orderId(number, user: user), user: user, sale: 7, units: UInt32(number)))
        }
        try rig.flush()
        let before = rig.storage.contents(rig.lastSegment(0))
        let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(rig.storage) }
        #expect(fault?.kind == .contradiction)
        #expect(fault?.description.contains("wal-replay verify") == true)
        #expect(rig.storage.contents(rig.lastSegment(0)) == before)
    }

    @Test func tooSmallTablesAreASentence() throws {
        let rig = try LogRig(SimulatedStorage())
        for id in 1...8 as ClosedRange<UInt64> { rig.append(.sale(id, stock: 2)) }
        try rig.flush()
        var configuration = LogRig.configuration(shards: 1)
        configuration.capacities.offers = 7
        let fault = #expect(throws: RecoveryFault.self) {
            try Recovery.recover(
                storage: rig.storage, configuration: configuration, memory: .zeroed, nowMs: 0, note: { _ in })
        }
        #expect(fault?.kind == .capacity)
        #expect(fault?.sentence.contains("sales") == true)
    }
}

import Engine
import SimulatedStorage
import Testing

@testable import Log

/// A small log cut at every byte, and with every bit flipped. After each, recovery gives exactly the events
/// before the first bad block, or, where a later durable mark vouches for what is gone, a refusal that names
/// the place.
@Suite struct EveryByteTests {
    /// Blocks: events 1...4; 5...7 (under way together with the first, so that neither vouches for the other);
    /// 8...9, which says that 7 are durable; and, if wanted, the mark of 9.
    struct SmallLog {
        let storage = SimulatedStorage()
        let file: String
        let digests: [UInt64]
        let blocks: [BlockHeader]

        init(isMarked: Bool) throws {
            let users = (1...3).map { TestEvent.user($0) }
            let ids = users.enumerated().map { TestEvent.orderId(UInt64($0.offset), user: $0.element) }
            let events: [TestEvent] = [
                .sale(7, stock: 100), .sale(8, stock: 5, limit: 2),
                .order(ids[0], user: users[0], sale: 7, units: 2, deadlineMs: 9000),
                .order(ids[1], user: users[1], sale: 8),
                .change(.orderConfirmed, ids[0]), .change(.orderCancelled, ids[1]),
                .restock(8, number: 1, units: 3),
                .order(ids[2], user: users[2], sale: 8, units: 2, deadlineMs: 9500),
                .extend(ids[2], deadlineMs: 12000),
            ]
            let rig = try LogRig(storage)
            for event in events[..<4] { rig.append(event) }
            let first = try rig.begin()!
            for event in events[4..<7] { rig.append(event) }
            let second = try rig.begin()!
            rig.complete(second)
            rig.complete(first)
            for event in events[7...] { rig.append(event) }
            try rig.flush()
            if isMarked { rig.mark() }
            file = rig.lastSegment(0)
            storage.lose(LogFiles.segment(log: 1, number: 2))
            digests = try Recoverer().digests(events)
            blocks = Self.headers(storage.contents(file)!)
        }

        static func headers(_ bytes: [UInt8]) -> [BlockHeader] {
            bytes.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 4096).filter {
                    BlockHeader.isIntact(bytes.baseAddress! + $0)
                }
                .map { BlockHeader(bytes.baseAddress! + $0) }
            }
        }
    }

    @Test func theSmallLogIsWhatTheTestsTakeItFor() throws {
        let log = try SmallLog(isMarked: true)
        #expect(log.blocks.map(\.firstLsn) == [1, 5, 8, 10])
        #expect(log.blocks.map(\.durableLsn) == [0, 0, 7, 9])
        #expect(log.blocks.allSatisfy { $0.lengthBytes == 4096 })
        #expect(try Recoverer().recover(log.storage.copy()).digest == log.digests[9])
    }

    @Test func cutAtEveryByte() throws {
        let log = try SmallLog(isMarked: true)
        let recoverer = Recoverer()
        for sizeBytes in 0...LogRig.segmentSizeBytes {
            let storage = log.storage.copy()
            storage.truncate(log.file, to: sizeBytes)
            let whole = min(sizeBytes / 4096, log.blocks.count)
            let events = log.blocks[..<whole].reduce(0) { $0 + $1.eventCount }
            let outcome = try recoverer.recover(storage)
            guard outcome.digest == log.digests[events], outcome.nextLsns == [UInt64(events) + 1] else {
                Issue.record("cut at \(sizeBytes): \(outcome), expected \(events) events")
                return
            }
            guard storage.contents(log.file)!.count == LogRig.segmentSizeBytes,
                SmallLog.headers(storage.contents(log.file)!).count == whole
            else {
                Issue.record("cut at \(sizeBytes): the segment was not restored")
                return
            }
            if sizeBytes % 512 == 1 { #expect(try recoverer.recover(storage).notes.isEmpty) }
        }
    }

    /// Every byte of the log with its mark, which makes most flips refusals; and those of the last block of the log
    /// without, which makes them torn tails. Of what is not padding all bits, of a byte of padding one. The whole
    /// recovery runs for the former, and now and then.
    @Test(arguments: [(true, 0), (true, 1), (true, 2), (true, 3), (false, 2), (false, 3)])
    func everyBitFlipped(isMarked: Bool, block: Int) throws {
        let log = try SmallLog(isMarked: isMarked)
        let recoverer = Recoverer()
        let before = log.blocks[..<block].reduce(0) { $0 + $1.eventCount }
        let isVouchedFor =
            block < log.blocks.count && log.blocks[(block + 1)...].contains { $0.durableLsn > UInt64(before) }
        let usedBytes = block < log.blocks.count ? BlockHeader.sizeBytes + log.blocks[block].eventsBytes : 0
        let directory = try LogDirectory(storage: log.storage)
        for bit in 0..<(4096 * 8) where bit < usedBytes * 8 || bit % 8 == bit / 8 % 8 {
            log.storage.flipBit(log.file, at: block * 4096 * 8 + bit)
            defer { log.storage.flipBit(log.file, at: block * 4096 * 8 + bit) }
            let isWhole = bit < usedBytes * 8 || bit % 61 == 0
            let problem: String?
            do {
                let outcome = try isWhole ? recoverer.recover(log.storage.copy()) : recoverer.judge(directory)
                let isRight =
                    outcome.digest == log.digests[before] && outcome.nextLsns == [UInt64(before) + 1]
                    && outcome.notes.count == 1
                problem = isVouchedFor || !isRight ? "\(outcome)" : nil
            } catch {
                let isRight = error.kind == .damage && error.file == log.file && error.offset == block * 4096
                problem = isVouchedFor && isRight ? nil : "\(error)"
            }
            if let problem {
                Issue.record("bit \(bit) of block \(block), vouched for: \(isVouchedFor): \(problem)")
                return
            }
        }
    }
}

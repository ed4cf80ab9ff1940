import Engine
import Foundation
import Synchronization
import Testing

@testable import Log

/// The last blocks in memory, read by one thread while another writes: every block that a reader is given is whole,
/// none is missing in between, and who is overtaken is told.
@Suite struct RecentBlocksTests {
    /// What the two threads share.
    private final class Race: @unchecked Sendable {
        let recent = RecentBlocks(memory: .zeroed, sizeBytes: 1 << 16)
        let blockCount: UInt64 = 60_000
        /// More than that only for a reader that has not seen any.
        let blockCountMax: UInt64 = 160_000
        let readCount = Atomic<Int>(0)
        let isFinished = Atomic(false)
    }

    /// A sealed block of one to four units, full of its sequence.
    private static func fill(_ block: UnsafeMutableRawPointer, _ sequence: UInt64) -> Int {
        let lengthBytes = Int(sequence * 7 % 4 + 1) * BlockHeader.alignmentBytes
        let words = (block + BlockHeader.sizeBytes).assumingMemoryBound(to: UInt64.self)
        words.update(repeating: sequence, count: (lengthBytes - BlockHeader.sizeBytes) / 8)
        _ = BlockHeader(
            shard: 0, shards: 1, lengthBytes: lengthBytes, eventsBytes: lengthBytes - BlockHeader.sizeBytes,
            previousChecksum: 0, generation: 1, logId: 1, segment: 1, firstLsn: sequence, eventCount: 1,
            sequence: sequence, durableLsn: 0, timeMs: 0
        ).seal(block)
        return lengthBytes
    }

    @Test func readersSeeWholeBlocksInOrder() async {
        let race = Race()
        race.recent.isWanted = true
        let finished = DispatchGroup()
        finished.enter()
        Thread.detachNewThread {
            let block = UnsafeMutableRawPointer.allocate(byteCount: 1 << 14, alignment: 4096)
            defer { block.deallocate() }
            var sequence: UInt64 = 0
            // A reader that gets a core late, on a machine that is busy, has some seconds more to see one.
            while sequence < race.blockCount
                || sequence < race.blockCountMax && race.readCount.load(ordering: .relaxed) == 0
            {
                sequence += 1
                race.recent.written(block, Self.fill(block, sequence), sequence: sequence)
                // Now and then the reader gets a chance to catch up, also with a single core.
                if sequence > race.blockCount { usleep(100) } else if sequence % 16 == 0 { sched_yield() }
            }
            race.isFinished.store(true, ordering: .releasing)
            finished.leave()
        }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BlockHeader.blockSizeMaxBytes, alignment: 4096)
        defer { buffer.deallocate() }
        var (position, expected) = (0, UInt64(1))
        while true {
            let isFinished = race.isFinished.load(ordering: .acquiring)
            switch race.recent.read(at: position, into: buffer) {
            case .nothing:
                if isFinished { break }
                sched_yield()
                continue
            case .lost:
                position = race.recent.end
                expected = 0
                continue
            case .block(let lengthBytes, let next):
                let header = BlockHeader(buffer)
                #expect(BlockHeader.isIntact(buffer) && header.bodyIsIntact(buffer))
                #expect(header.lengthBytes == lengthBytes)
                #expect(expected == 0 || header.sequence == expected)
                expected = header.sequence + 1
                position = next
                race.readCount.add(1, ordering: .relaxed)
                continue
            }
            break
        }
        finished.wait()
        #expect(race.readCount.load(ordering: .relaxed) > 0)
    }

    /// A reader that stands still is overtaken after as many bytes as there are, and not before.
    @Test func whoIsOvertakenIsTold() {
        let recent = RecentBlocks(memory: .zeroed, sizeBytes: 1 << 16)
        recent.isWanted = true
        let block = UnsafeMutableRawPointer.allocate(byteCount: 1 << 14, alignment: 4096)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BlockHeader.blockSizeMaxBytes, alignment: 4096)
        defer {
            block.deallocate()
            buffer.deallocate()
        }
        var writtenBytes = 0
        for sequence in UInt64(1)...40 {
            let lengthBytes = Self.fill(block, sequence)
            recent.written(block, lengthBytes, sequence: sequence)
            // Blocks that did not fit before the end left a gap.
            writtenBytes = recent.end
            switch recent.read(at: 0, into: buffer) {
            case .block: #expect(writtenBytes <= 1 << 16)
            case .lost: #expect(writtenBytes > 1 << 16)
            case .nothing: Issue.record("nothing there after \(sequence) blocks")
            }
        }
        #expect(writtenBytes > 1 << 16 && recent.lastSequence == 40)
    }
}

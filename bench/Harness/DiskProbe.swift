import Foundation
import Generator

/// The disk by itself: durable writes of 4 KiB, one after the other, as the log makes its smallest ones - past the
/// page cache (O_DIRECT), with RWF_DSYNC, into a file that has its zeros already.
public final class DiskProbe {
    private let file: DurableFile
    private let block: UnsafeMutableRawPointer
    private var next = 0
    private static let writeBytes = 4096

    /// Makes its file in `directory`; nil: with the temporary files.
    public init(directory: String?) throws {
        file = try DurableFile(directory: directory)
        block = .allocate(byteCount: Self.writeBytes, alignment: 4096)
        block.initializeMemory(as: UInt8.self, repeating: 0x5a, count: Self.writeBytes)
    }

    deinit { block.deallocate() }

    public struct Result: Codable, Sendable {
        /// Of each write, from its begin.
        public var writes: Latencies
        /// Of arrivals on a schedule, from the moment one is due. Who arrives during a write goes with the next: the
        /// least that a group commit with one write at a time can do on this disk. It has the disk's stalls, and the
        /// machine's, in full, as an open loop has: a stall is one slow write, but many arrivals.
        public var arrivals: Latencies
    }

    /// Durable writes for a while, after what others left to be written is written.
    public func measure(seconds: Double, arrivalsPerSecond: Double = 1000) throws -> Result {
        sync()
        var writes = LatencyRecorder()
        var arrivals = LatencyRecorder()
        let startUs = MonotonicClock.nowUs()
        let endUs = startUs + UInt64(seconds * 1e6)
        var nowUs = startUs
        var dueUs = startUs
        var due = 0.0
        while nowUs < endUs {
            try file.write(block, sizeBytes: Self.writeBytes, at: next)
            let doneUs = MonotonicClock.nowUs()
            writes.record(us: doneUs - nowUs, nowUs: doneUs)
            while dueUs <= nowUs {
                arrivals.record(us: doneUs - dueUs, nowUs: doneUs)
                due += 1
                dueUs = startUs + UInt64(due / arrivalsPerSecond * 1e6)
            }
            nowUs = doneUs
            next = (next + Self.writeBytes) % DurableFile.sizeBytes
        }
        return Result(writes: writes.latencies(), arrivals: arrivals.latencies())
    }
}

import CLinux
import Foundation
import Generator

/// The disk by itself: durable writes of 4 KiB, one after the other, as the log makes its smallest ones - past the
/// page cache (O_DIRECT), with RWF_DSYNC, into a file that has its zeros already.
public final class DiskProbe {
    private let path: String
    private let file: Int32
    private let block: UnsafeMutableRawPointer
    private var next = 0
    private static let fileBytes = 64 << 20
    private static let fillBytes = 1 << 20
    private static let writeBytes = 4096

    /// Makes the file in `directory`; nil: with the temporary files.
    public init(directory: String?) throws {
        let parent = directory ?? FileManager.default.temporaryDirectory.path
        path = "\(parent)/timesale-bench-disk-\(UUID().uuidString.prefix(8))"
        block = .allocate(byteCount: Self.fillBytes, alignment: 4096)
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Self.fillBytes)
        close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        file = ts_open_for_writing(path, 1)
        guard file >= 0 else { throw Self.fault("open", path) }
        for offset in stride(from: 0, to: Self.fileBytes, by: Self.fillBytes) {
            guard pwrite(file, block, Self.fillBytes, off_t(offset)) == Self.fillBytes else {
                throw Self.fault("write", path)
            }
        }
        guard fsync(file) == 0 else { throw Self.fault("sync", path) }
        memset(block, 0x5a, Self.writeBytes)
    }

    deinit {
        close(file)
        unlink(path)
        block.deallocate()
    }

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
            guard ts_write_durably(file, block, UInt(Self.writeBytes), Int64(next)) == Self.writeBytes else {
                throw Self.fault("write", path)
            }
            let doneUs = MonotonicClock.nowUs()
            writes.record(us: doneUs - nowUs, nowUs: doneUs)
            while dueUs <= nowUs {
                arrivals.record(us: doneUs - dueUs, nowUs: doneUs)
                due += 1
                dueUs = startUs + UInt64(due / arrivalsPerSecond * 1e6)
            }
            nowUs = doneUs
            next = (next + Self.writeBytes) % Self.fileBytes
        }
        return Result(writes: writes.latencies, arrivals: arrivals.latencies)
    }

    private static func fault(_ action: String, _ path: String) -> LoadError {
        LoadError(description: "cannot \(action) \(path) past the page cache: \(String(cString: strerror(errno)))")
    }
}

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

    /// Latencies of durable writes for a while, after what others left to be written is written.
    public func measure(seconds: Double) throws -> Latencies {
        sync()
        var recorder = LatencyRecorder()
        let endUs = MonotonicClock.nowUs() + UInt64(seconds * 1e6)
        var nowUs = MonotonicClock.nowUs()
        while nowUs < endUs {
            guard ts_write_durably(file, block, UInt(Self.writeBytes), Int64(next)) == Self.writeBytes else {
                throw Self.fault("write", path)
            }
            let doneUs = MonotonicClock.nowUs()
            recorder.record(us: doneUs - nowUs)
            nowUs = doneUs
            next = (next + Self.writeBytes) % Self.fileBytes
        }
        return recorder.latencies
    }

    private static func fault(_ action: String, _ path: String) -> LoadError {
        LoadError(description: "cannot \(action) \(path) past the page cache: \(String(cString: strerror(errno)))")
    }
}

import CLinux
import Foundation
import Generator

/// A file of zeros for durable writes as the log makes them: past the page cache (O_DIRECT), with RWF_DSYNC. It goes
/// with its owner.
final class DurableFile {
    static let sizeBytes = 64 << 20
    private static let fillBytes = 1 << 20
    private let path: String
    private let file: Int32

    /// Makes the file in `directory`; nil: with the temporary files.
    init(directory: String?) throws {
        let parent = directory ?? FileManager.default.temporaryDirectory.path
        path = "\(parent)/timesale-bench-disk-\(UUID().uuidString.prefix(8))"
        let zeros = UnsafeMutableRawPointer.allocate(byteCount: Self.fillBytes, alignment: 4096)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0, count: Self.fillBytes)
        close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        file = ts_open_for_writing(path, 1)
        guard file >= 0 else { throw Self.fault("open", path) }
        for offset in stride(from: 0, to: Self.sizeBytes, by: Self.fillBytes) {
            guard pwrite(file, zeros, Self.fillBytes, off_t(offset)) == Self.fillBytes else {
                throw Self.fault("write", path)
            }
        }
        guard fsync(file) == 0 else { throw Self.fault("sync", path) }
    }

    deinit {
        close(file)
        unlink(path)
    }

    /// Memory, length and offset have to be multiples of 4096.
    func write(_ bytes: UnsafeRawPointer, sizeBytes: Int, at offset: Int) throws {
        guard ts_write_durably(file, bytes, UInt(sizeBytes), Int64(offset)) == sizeBytes else {
            throw Self.fault("write", path)
        }
    }

    private static func fault(_ action: String, _ path: String) -> LoadError {
        LoadError(description: "cannot \(action) \(path) past the page cache: \(String(cString: strerror(errno)))")
    }
}

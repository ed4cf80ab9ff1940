import Glibc
import Log

/// A data directory for work that may take its time: it reads and writes in small parts with a pause after each, so
/// that a log that is written beside it waits in the disk's line behind one part at a time.
///
/// Written past the page cache: a sync at the end of a snapshot would otherwise send all of it to the disk at once.
public final class PacedStorage: LogStorage, Sendable {
    private let directory: DirectoryStorage
    private let pauseUs: UInt32

    /// Small parts with long pauses: a log write waits for the part before it, which may not take longer than it does.
    private static let partBytes = 64 << 10

    public init(_ directory: DirectoryStorage, pauseUs: UInt32 = 700) {
        self.directory = directory
        self.pauseUs = pauseUs
    }

    public func read(
        _ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        var done = 0
        while done < buffer.count {
            let end = min(done + Self.partBytes, buffer.count)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end])
            let count = try directory.read(name, at: offset + done, into: part)
            done += count
            if count < part.count { break }
            usleep(pauseUs)
        }
        return done
    }

    public func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try directory.writeDirectly(name, at: offset, bytes, partBytes: Self.partBytes) { usleep(pauseUs) }
    }

    public func list() throws(StorageError) -> [String] { try directory.list() }
    public func sizeBytes(_ name: String) throws(StorageError) -> Int { try directory.sizeBytes(name) }
    public func create(_ name: String) throws(StorageError) { try directory.create(name) }
    public func sync(_ name: String) throws(StorageError) { try directory.sync(name) }
    public func rename(_ name: String, to other: String) throws(StorageError) { try directory.rename(name, to: other) }
    public func remove(_ name: String) throws(StorageError) { try directory.remove(name) }
    public func syncDirectory() throws(StorageError) { try directory.syncDirectory() }
    public func dropCaches() throws(StorageError) { try directory.dropCaches() }
}

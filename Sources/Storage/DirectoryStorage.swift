import Glibc
import Log

/// The data directory on a real disk.
///
/// Made by `openDirectory`, which locks the directory for the life of the process, or by `openForReading`,
/// which neither locks nor changes anything. Every call stands for itself, so that any thread may make it.
public final class DirectoryStorage: LogStorage, Sendable {
    public let path: String
    /// The directory, for openat(2) of segments and the like.
    public let directoryFd: Int32
    /// The locked file, or -1. A ring that has it open keeps the lock until its last write is done, even if
    /// the process is killed; so that nobody reads the log while writes to it are under way.
    public let lockFd: Int32

    /// Told of a sync that has failed, before it throws. The kernel tells of a write that was lost once, to whoever
    /// asks first, and shows the pages as clean from then on (fsync(2)): after that no sync of anybody means
    /// anything.
    private let onFailedSync: (@Sendable (StorageError) -> Void)?

    init(path: String, directoryFd: Int32, lockFd: Int32, onFailedSync: (@Sendable (StorageError) -> Void)? = nil) {
        self.onFailedSync = onFailedSync
        self.path = path
        self.directoryFd = directoryFd
        self.lockFd = lockFd
    }

    deinit {
        if lockFd >= 0 { close(lockFd) }
        close(directoryFd)
    }

    public func list() throws(StorageError) -> [String] {
        // fdopendir(3) takes its descriptor over, and shares the position with its duplicates.
        let fd = retrying { openat(directoryFd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard fd >= 0, let stream = fdopendir(fd) else { throw failure(".", "list") }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw failure(".", "list") }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    public func sizeBytes(_ name: String) throws(StorageError) -> Int {
        var status = stat()
        guard fstatat(directoryFd, name, &status, 0) == 0 else { throw failure(name, "look at") }
        return Int(status.st_size)
    }

    public func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer)
        throws(StorageError) -> Int
    {
        let fd = try open(name, O_RDONLY, "read")
        defer { close(fd) }
        var done = 0
        while done < buffer.count {
            let count = retrying {
                pread(fd, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            }
            if count < 0 { throw failure(name, "read") }
            if count == 0 { break }
            done += count
        }
        return done
    }

    public func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        let fd = try open(name, O_WRONLY, "write")
        defer { close(fd) }
        var done = 0
        while done < bytes.count {
            let count = retrying {
                pwrite(fd, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            }
            if count < 0 { throw failure(name, "write") }
            done += count
        }
    }

    private static let zerosPartBytes = 256 << 10

    public func fillWithZeros(_ name: String, sizeBytes: Int) throws(StorageError) {
        try fillWithZeros(name, sizeBytes: sizeBytes, pause: {})
    }

    /// Fills a file with zeros past the page cache, in parts after each of which the caller may pause: a log
    /// that is written meanwhile waits in the disk's own line behind each part.
    public func fillWithZeros(_ name: String, sizeBytes: Int, pause: () -> Void) throws(StorageError) {
        let zeros = ZeroedBuffer(sizeBytes: min(sizeBytes, Self.zerosPartBytes))
        let fd = try openDirectly(name)
        defer { close(fd) }
        var done = 0
        while done < sizeBytes {
            let count = retrying {
                pwrite(fd, zeros.bytes.baseAddress!, min(sizeBytes - done, zeros.bytes.count), off_t(done))
            }
            if count < 0 { throw failure(name, "write") }
            done += count
            pause()
        }
    }

    /// The same with bytes of the caller's, aligned to the disk's blocks like their place.
    func writeDirectly(
        _ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer, partBytes: Int, pause: () -> Void
    ) throws(StorageError) {
        let fd = try openDirectly(name)
        defer { close(fd) }
        var done = 0
        while done < bytes.count {
            let count = retrying {
                pwrite(fd, bytes.baseAddress! + done, min(bytes.count - done, partBytes), off_t(offset + done))
            }
            if count < 0 { throw failure(name, "write") }
            done += count
            pause()
        }
    }

    /// For writing past the page cache; through it where a file system has no O_DIRECT (open(2)).
    private func openDirectly(_ name: String) throws(StorageError) -> Int32 {
        var fd = retrying { openat(directoryFd, name, O_WRONLY | O_CLOEXEC | directFlag) }
        if fd < 0 && errno == EINVAL { fd = retrying { openat(directoryFd, name, O_WRONLY | O_CLOEXEC) } }
        guard fd >= 0 else { throw failure(name, "write") }
        return fd
    }

    public func create(_ name: String) throws(StorageError) {
        close(try open(name, O_WRONLY | O_CREAT | O_TRUNC, "create"))
    }

    public func sync(_ name: String) throws(StorageError) {
        // A read-only descriptor will do: fsync(2) is about the file, not about who wrote it.
        let fd = try open(name, O_RDONLY, "sync")
        defer { close(fd) }
        guard retrying({ fsync(fd) }) == 0 else { throw failedSync(name) }
    }

    public func rename(_ name: String, to other: String) throws(StorageError) {
        guard renameat(directoryFd, name, directoryFd, other) == 0 else { throw failure(name, "rename") }
    }

    public func remove(_ name: String) throws(StorageError) {
        guard unlinkat(directoryFd, name, 0) == 0 else { throw failure(name, "remove") }
    }

    public func syncDirectory() throws(StorageError) {
        guard retrying({ fsync(directoryFd) }) == 0 else { throw failedSync(".") }
    }

    private func failedSync(_ name: String) -> StorageError {
        let error = failure(name, "sync")
        // A file system may find out as late as this that it has no room for a new file, which is then made anew.
        let isFull = name != "." && (error.code == ENOSPC || error.code == EDQUOT)
        if !isFull { onFailedSync?(error) }
        return error
    }

    public func dropCaches() throws(StorageError) {
        for name in try list() {
            // What cannot be opened is not ours, or is found out when it is read.
            let fd = retrying { openat(directoryFd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
            guard fd >= 0 else { continue }
            // Of pages that are dirty or in use nothing is dropped; it is advice, and a file system may not take it.
            _ = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)
            close(fd)
        }
    }

    private func open(_ name: String, _ flags: Int32, _ action: String) throws(StorageError) -> Int32 {
        let fd = retrying { openat(directoryFd, name, flags | O_CLOEXEC, mode_t(0o640)) }
        guard fd >= 0 else { throw failure(name, action) }
        return fd
    }

    private func failure(_ name: String, _ action: String) -> StorageError {
        StorageError(errno: errno, file: name == "." ? path : "\(path)/\(name)", action: action)
    }
}

extension StorageError {
    /// What the kernel said, in its words.
    init(errno code: Int32, file: String, action: String) {
        self.init(file: file, action: action, code: code, reason: String(cString: strerror(code)))
    }
}

/// O_DIRECT, open(2): a macro of Linux alone, with a value for each processor.
#if arch(arm64)
    private let directFlag: Int32 = 0o200000
#else
    private let directFlag: Int32 = 0o40000
#endif

/// Calls again where a signal came in between (signal(7)).
func retrying<T: SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

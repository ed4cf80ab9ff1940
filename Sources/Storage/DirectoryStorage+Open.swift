import Glibc
import Log

// Opening a data directory: everything that can be wrong with it is said before anything is read.

extension DirectoryStorage {
    /// How long the lock of another process is waited for: a killed server keeps it until the kernel has
    /// finished its last writes.
    public static let lockTimeoutMs = 5000
    /// How long a tool waits for it, whose caller would rather hear soon that a server runs: one that has ended in good
    /// order keeps the lock for some 50 ms behind its exit, while the kernel takes down its rings.
    public static let toolLockTimeoutMs = 1000
    private static let lockPauseUs: UInt32 = 20_000

    /// Opens a data directory for a server and locks it: one server at a time. With `create`, makes it, and
    /// the directories above it, if it does not exist.
    ///
    /// - Parameter onFailedSync: see `DirectoryStorage.onFailedSync`.
    public static func openDirectory(
        path: String, create: Bool, lockTimeoutMs: Int = lockTimeoutMs,
        onFailedSync: (@Sendable (StorageError) -> Void)? = nil
    ) throws(StorageError) -> DirectoryStorage {
        if create { try makeDirectories(path) }
        let directoryFd = try openDirectoryFd(path)
        do {
            let lockFd = try lock(directoryFd, path, timeoutMs: lockTimeoutMs)
            return DirectoryStorage(
                path: path, directoryFd: directoryFd, lockFd: lockFd, onFailedSync: onFailedSync)
        } catch {
            close(directoryFd)
            throw error
        }
    }

    /// Opens a data directory for a tool that only reads: no lock, nothing is written, a server may run on it.
    /// Writing through it is refused.
    public static func openForReading(path: String) throws(StorageError) -> any LogStorage {
        ReadOnlyStorage(DirectoryStorage(path: path, directoryFd: try openDirectoryFd(path), lockFd: -1))
    }

    /// Opens a data directory for a part of the server that runs as a process of its own, under the server's lock.
    public static func openBesideServer(path: String) throws(StorageError) -> DirectoryStorage {
        try openWithoutLock(path: path, create: false)
    }

    /// Opens a directory that nobody else writes to. With `create`, makes it, and the directories above it.
    public static func openWithoutLock(path: String, create: Bool) throws(StorageError) -> DirectoryStorage {
        if create { try makeDirectories(path) }
        return DirectoryStorage(path: path, directoryFd: try openDirectoryFd(path), lockFd: -1)
    }

    private static func openDirectoryFd(_ path: String) throws(StorageError) -> Int32 {
        let fd = retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        if fd >= 0 { return fd }
        let code = errno
        let reason =
            switch code {
            case ENOENT: "there is no such directory"
            case ENOTDIR: "it is not a directory"
            case EACCES: "this user may not read it"
            default: String(cString: strerror(code))
            }
        throw StorageError(file: path, action: "open the data directory", code: code, reason: reason)
    }

    private static func makeDirectories(_ path: String) throws(StorageError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        var made = path.hasPrefix("/") ? "/" : ""
        for part in parts {
            let parent = made.isEmpty ? "." : made
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
            if mkdir(made, 0o750) == 0 {
                // Its name has to survive a power loss as the files in it do.
                let fd = retrying { open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
                defer { close(fd) }
                guard fd >= 0, retrying({ fsync(fd) }) == 0 else {
                    throw StorageError(errno: errno, file: parent, action: "sync")
                }
            } else if errno != EEXIST && errno != EISDIR {
                throw StorageError(errno: errno, file: made, action: "make the data directory")
            }
        }
    }

    // MARK: The lock

    private static func lock(_ directoryFd: Int32, _ path: String, timeoutMs: Int) throws(StorageError)
        -> Int32
    {
        let name = "\(path)/\(LogFiles.lock)"
        let fd = retrying { openat(directoryFd, LogFiles.lock, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o640)) }
        guard fd >= 0 else { throw unwritable(path, name, "create") }
        do throws(StorageError) {
            var waitedUs = 0
            while retrying({ flock(fd, LOCK_EX | LOCK_NB) }) != 0 {
                guard errno == EWOULDBLOCK else {
                    throw StorageError(errno: errno, file: name, action: "lock")
                }
                guard waitedUs < timeoutMs * 1000 else { throw held(fd, path) }
                usleep(lockPauseUs)
                waitedUs += Int(lockPauseUs)
            }
            // Also finds out whether the directory can be written and has room, before the log does.
            let pid = Array("\(getpid())\n".utf8)
            guard ftruncate(fd, 0) == 0, retrying({ pwrite(fd, pid, pid.count, 0) }) == pid.count,
                retrying({ fsync(fd) }) == 0
            else { throw unwritable(path, name, "write") }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    private static func unwritable(_ path: String, _ name: String, _ action: String) -> StorageError {
        let code = errno
        let reason: String
        switch code {
        case EROFS: reason = "the data directory lies on a file system that is mounted read-only"
        case EACCES, EPERM: reason = "this user may not write in the data directory"
        case ENOSPC, EDQUOT: reason = "the disk is full; the log needs room for its segments"
        default: reason = String(cString: strerror(code))
        }
        return StorageError(file: name, action: action, code: code, reason: reason)
    }

    private static func held(_ fd: Int32, _ path: String) -> StorageError {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = retrying { pread(fd, &bytes, bytes.count, 0) }
        let holder = String(
            decoding: bytes.prefix(max(0, count)).prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self)
        let who = holder.isEmpty ? "another process" : "the process with pid \(holder)"
        return StorageError(
            file: path, action: "open the data directory", code: EWOULDBLOCK,
            reason: "\(who) is using it. Stop that one first, or give this one a directory of its own")
    }
}

/// A directory that a tool reads. Each write is refused before it reaches the kernel.
private final class ReadOnlyStorage: LogStorage {
    private let storage: DirectoryStorage

    init(_ storage: DirectoryStorage) { self.storage = storage }

    func list() throws(StorageError) -> [String] { try storage.list() }
    func sizeBytes(_ name: String) throws(StorageError) -> Int { try storage.sizeBytes(name) }
    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError)
        -> Int
    {
        try storage.read(name, at: offset, into: buffer)
    }

    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        throw refusal(name, "write")
    }
    func create(_ name: String) throws(StorageError) { throw refusal(name, "create") }
    func sync(_ name: String) throws(StorageError) { throw refusal(name, "sync") }
    func rename(_ name: String, to other: String) throws(StorageError) { throw refusal(name, "rename") }
    func remove(_ name: String) throws(StorageError) { throw refusal(name, "remove") }
    func syncDirectory() throws(StorageError) { throw refusal(".", "sync") }

    private func refusal(_ name: String, _ action: String) -> StorageError {
        StorageError(file: name, action: action, code: EROFS, reason: "it was opened for reading")
    }
}

import CommandLineTool
import Glibc
import Log

/// Says on stderr how far a command has come that reads a whole directory, on one line of a terminal.
final class Progress: LogStorage {
    private let storage: any LogStorage
    private let isShown: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var stage = ""
    private var readBytes: UInt64 = 0
    private var totalBytes: UInt64 = 0
    private var lastShown: UInt64 = 0
    private var wasShown = false

    /// At most so often, in ns: a terminal five times a second, a file every five seconds.
    private var pauseNs: UInt64 { isTerminal ? 200_000_000 : 5_000_000_000 }

    /// - Parameter isWanted: also where stderr is no terminal.
    init(_ storage: any LogStorage, isWanted: Bool) {
        self.storage = storage
        isShown = isWanted || isatty(STDERR_FILENO) == 1
        lastShown = Self.nowNs()
    }

    private static func nowNs() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Begins a part that reads about as much as all segments and snapshots are long.
    func begin(_ stage: String) {
        guard isShown else { return }
        self.stage = stage
        readBytes = 0
        totalBytes = 0
        for name in (try? storage.list()) ?? []
        where LogFiles.parseSegment(name) != nil || LogFiles.parseSnapshot(name) != nil {
            totalBytes += UInt64((try? storage.sizeBytes(name)) ?? 0)
        }
        if !isTerminal { show() }
    }

    /// Clears the line.
    func end() { if wasShown && isTerminal { writeAll(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) } }

    private func show() {
        lastShown = Self.nowNs()
        wasShown = true
        let percent = totalBytes == 0 ? 0 : min(100, readBytes * 100 / totalBytes)
        let text = "\(stage): \(percent)% of \(Numbers.bytes(totalBytes))"
        writeAll(Array((isTerminal ? "\r\u{1b}[K" + text : text + "\n").utf8), to: STDERR_FILENO)
    }

    func read(
        _ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        let count = try storage.read(name, at: offset, into: buffer)
        if isShown {
            readBytes += UInt64(count)
            if Self.nowNs() - lastShown > pauseNs { show() }
        }
        return count
    }

    func list() throws(StorageError) -> [String] { try storage.list() }
    func sizeBytes(_ name: String) throws(StorageError) -> Int { try storage.sizeBytes(name) }
    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try storage.write(name, at: offset, bytes)
    }
    func create(_ name: String) throws(StorageError) { try storage.create(name) }
    func sync(_ name: String) throws(StorageError) { try storage.sync(name) }
    func rename(_ name: String, to other: String) throws(StorageError) { try storage.rename(name, to: other) }
    func remove(_ name: String) throws(StorageError) { try storage.remove(name) }
    func syncDirectory() throws(StorageError) { try storage.syncDirectory() }
}

import CAtomics
import Engine
import Glibc
import Log
import Logging
import Storage

/// How much log the disk still has room for, beside what a snapshot needs.
///
/// A snapshot is kept room for because it is what makes room: segments go when one covers them. It is at most as large
/// as the one before it and the log since then.
///
/// `refresh` measures, on the threads that use up or give back room; shards read the last measurement.
final class DiskRoom: @unchecked Sendable {
    private let storage: DirectoryStorage
    private let board: DurableBoard
    private let logger: Logger
    private let monitor = Monitor()
    /// Of one cache line: 0 the room of each shard in bytes, 1 the shards that refuse what is new, a bit each.
    private let words: UnsafeMutablePointer<UInt64>

    /// Bytes of the newest snapshot, and of the log behind it when the board had counted `sealedBytes`.
    private var snapshotBytes: UInt64 = 0
    private var sealedBytes: UInt64 = 0
    private var sparesBytes = 0
    /// Whether a file could not be made although the file system says that it has room: a quota, or inodes.
    private var isRefused = false
    private var refusing: UInt64 = 0

    init(storage: DirectoryStorage, board: DurableBoard, logger: Logger, memory: MemorySource) {
        self.storage = storage
        self.board = board
        self.logger = logger
        words = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
    }

    // MARK: What shards see

    /// The part of each shard, in bytes. Any thread; lives as long as the process.
    var bytesPerShard: UnsafeMutablePointer<UInt64> { words }

    /// A shard begins or ceases to refuse new operations. Its thread.
    @inline(never)
    func refuses(_ shard: Int, _ isRefusing: Bool) {
        let before: UInt64
        let after: UInt64
        (before, after) = monitor.locked {
            let before = refusing
            if isRefusing { refusing |= 1 << UInt64(shard) } else { refusing &= ~(1 << UInt64(shard)) }
            ts_store_relaxed(words + 1, refusing)
            return (before, refusing)
        }
        if before == 0 && after != 0 {
            let left = "\(freeBytes()) bytes left, of which a snapshot needs \(monitor.locked { reserveBytes })"
            logger.error(
                "the disk is full: \(storage.path) has \(left). New operations get NO_SPACE; open holds can end")
        }
        if before != 0 && after == 0 { logger.notice("the disk has room again: new operations are accepted") }
    }

    /// Whether any shard refuses new operations. Any thread.
    var isShort: Bool { ts_load_relaxed(words + 1) != 0 }

    // MARK: What is measured

    /// Measures again. Any thread but a shard's.
    func refresh() {
        let free = freeBytes()
        monitor.locked {
            let beside = isRefused ? 0 : max(0, free - Int(reserveBytes))
            ts_store_relaxed(words, UInt64((beside + sparesBytes) / board.shards))
        }
    }

    /// Whether a file of this size may be made that nobody needs yet.
    func hasRoom(forSpareBytes sizeBytes: Int) -> Bool {
        freeBytes() - sizeBytes >= Int(monitor.locked { reserveBytes })
    }

    /// Segments made ahead are room that nobody can take away.
    func sparesAre(bytes: Int) {
        monitor.locked { sparesBytes = bytes }
        refresh()
    }

    /// Whether the last file could be made.
    func madeFile(_ isMade: Bool) {
        monitor.locked { isRefused = !isMade }
        refresh()
    }

    /// There is a new snapshot; `logBytes` lay behind it when the board had counted `sealed`.
    func snapshotIs(bytes: UInt64, logBytes: UInt64, sealed: UInt64) {
        monitor.locked {
            snapshotBytes = bytes &+ logBytes
            sealedBytes = sealed
        }
        refresh()
    }

    /// What the next snapshot may need. Within `locked`.
    private var reserveBytes: UInt64 { snapshotBytes &+ (board.bytesSealed &- sealedBytes) }

    /// What statvfs(3) says an ordinary user may still write.
    private func freeBytes() -> Int {
        var status = statvfs()
        guard fstatvfs(storage.directoryFd, &status) == 0 else { return 0 }
        return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).0)
    }
}

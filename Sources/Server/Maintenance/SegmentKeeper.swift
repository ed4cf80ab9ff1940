import CLinux
import Engine
import Glibc
import Log
import Logging
import Storage

/// A thread that makes log segments ahead of their use, so that no shard waits for a file: zeroed in full,
/// since a write into blocks that were only reserved has to update the file system's metadata as well.
/// It also makes the memory of growing tables resident ahead of its use, measures the disk, and slews the clock.
final class SegmentKeeper: @unchecked Sendable {
    private let storage: DirectoryStorage
    private let identities: [LogIdentity]
    private let spares: SpareSegments
    private let room: DiskRoom
    private let clock: Clock
    private let logger: Logger
    private let monitor = Monitor()
    private enum Job {
        case segment(shard: Int, segment: UInt64)
        case memory(UnsafeMutableRawPointer, sizeBytes: Int)
        case measure
    }

    /// With room for what shards ask for at a time, so that asking allocates nothing.
    private var wanted: [Job] = []
    private var prepared: [Int: (UInt64, Int32)] = [:]
    private var isStopping = false
    private var isAlarmed = false
    private var nextSlewUs: UInt64 = 0
    /// Rings the doorbell of a shard.
    var notify: (Int) -> Void = { _ in }

    init(
        storage: DirectoryStorage, identities: [LogIdentity], spares: SpareSegments, room: DiskRoom, clock: Clock,
        logger: Logger
    ) {
        self.storage = storage
        self.identities = identities
        self.spares = spares
        self.room = room
        self.clock = clock
        self.logger = logger
        wanted.reserveCapacity(64 + 4 * identities.count)
    }

    /// Asks for a segment. Any thread; answers at once.
    @inline(never)
    func prepare(shard: Int, segment: UInt64) {
        monitor.locked {
            wanted.append(.segment(shard: shard, segment: segment))
            monitor.signal()
        }
    }

    /// Asks for memory to be made resident before a shard touches it. Any thread; answers at once.
    @inline(never)
    func populate(_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) {
        monitor.locked {
            wanted.append(.memory(memory, sizeBytes: sizeBytes))
            monitor.signal()
        }
    }

    /// The segment that was made for a shard, open for writing.
    @inline(never)
    func takePrepared(shard: Int) -> (UInt64, Int32)? { monitor.locked { prepared.removeValue(forKey: shard) } }

    func stop() {
        monitor.locked {
            isStopping = true
            monitor.signal()
        }
    }

    /// The thread's work.
    func run() {
        while let job = nextJob() {
            switch job {
            case .segment(let shard, let segment): make(shard, segment)
            case .memory(let memory, let sizeBytes): MemorySource.populate(memory, sizeBytes)
            case .measure: room.refresh()
            }
            if Clock.monotonicUs() >= nextSlewUs {
                nextSlewUs = Clock.monotonicUs() + 1_000_000
                slewClock()
            }
        }
    }

    /// Others may write to the disk too: it is measured this often.
    private static let measureUs: UInt64 = 250_000

    /// What to do next: a measurement when there is nothing else, nil at the end.
    private func nextJob() -> Job? {
        monitor.locked {
            let untilUs = Clock.monotonicUs() + Self.measureUs
            while wanted.isEmpty && !isStopping {
                if !monitor.wait(untilUs: untilUs) { return .measure }
            }
            return isStopping ? nil : wanted.removeFirst()
        }
    }

    private func make(_ shard: Int, _ segment: UInt64) {
        let identity = identities[shard]
        var hasComplained = false
        while true {
            do {
                if spares.take(as: LogFiles.segment(log: identity.logId, number: segment)) {
                    try storage.syncDirectory()
                } else {
                    try Recovery.prepareSegment(
                        storage: storage, log: identity.logId, number: segment, sizeBytes: identity.segmentSizeBytes)
                }
                let file = try SegmentKeeper.open(storage, log: identity.logId, segment: segment, logger: logger)
                // Before the shard counts it as its own: it must not be counted twice.
                room.madeFile(true)
                monitor.locked { prepared[shard] = (segment, file) }
                notify(shard)
                return
            } catch {
                // Writing goes on in the current segment; orders wait only if it fills up meanwhile.
                if !hasComplained { logger.error("the next log segment cannot be made, trying on: \(error)") }
                hasComplained = true
                room.madeFile(false)
                if monitor.locked({ isStopping }) { return }
                usleep(200_000)
            }
        }
    }

    /// Opens a segment for the writes of its shard: past the page cache where the file system lets us.
    static func open(_ storage: DirectoryStorage, log: UInt64, segment: UInt64, logger: Logger) throws -> Int32 {
        let name = LogFiles.segment(log: log, number: segment)
        let path = storage.path + "/" + name
        var file = ts_open_for_writing(path, 1)
        if file < 0 && errno == EINVAL {
            logger.warning("this file system has no O_DIRECT: log writes go through the page cache")
            file = ts_open_for_writing(path, 0)
        }
        guard file >= 0 else {
            throw StorageError(file: name, action: "open", code: errno, reason: String(cString: strerror(errno)))
        }
        return file
    }

    private func slewClock() {
        let aheadMs = clock.slew()
        let isFar = abs(aheadMs) > Clock.alarmMs
        if isFar && !isAlarmed {
            logger.warning("the wall clock has moved by \(aheadMs) ms; the server's clock follows it slowly")
        }
        isAlarmed = isFar
    }
}

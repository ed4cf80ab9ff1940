import Glibc
import Log
import Logging
import Storage

/// Segments made ready long before a log needs them, so that a rush meets room that is there: their thread
/// fills them at a pace that leaves the disk to the logs. Those that were taken are made up for when the rush
/// is over, or when half of them are gone.
///
/// They survive a stop; a start takes over what it finds.
final class SpareSegments: @unchecked Sendable {
    private let storage: DirectoryStorage
    private let sizeBytes: Int
    private let countWanted: Int
    private let logger: Logger
    private let room: DiskRoom
    private let monitor = Monitor()
    private var ready: [UInt64] = []
    /// Under a temporary name: segments that no log needs any more, to be filled with zeros again.
    private var reusable: [UInt64] = []
    private var nextNumber: UInt64 = 1
    private var isStopping = false
    /// Whether there were once as many as are wanted.
    private var hasBeenFull = false
    private var lastTakenUs: UInt64 = 0

    /// After this long without a segment taken a rush is over.
    private static let rushEndsAfterUs: UInt64 = 5_000_000

    /// Between two parts of 256 KiB: about 400 MB/s, at which 4 KiB O_DIRECT|RWF_DSYNC writes beside it kept
    /// their median and had a p99 of 0.4 instead of 0.2 ms. At full speed the p99 was 8 ms.
    private static let pauseUs: UInt32 = 300

    /// `sizeBytes` in all are kept ready, in whole segments.
    init(storage: DirectoryStorage, segmentSizeBytes: Int, sizeBytes: Int, room: DiskRoom, logger: Logger) {
        self.storage = storage
        self.sizeBytes = segmentSizeBytes
        countWanted = (sizeBytes + segmentSizeBytes - 1) / segmentSizeBytes
        self.room = room
        self.logger = logger
    }

    /// Tells how much log is ready.
    private func countReady() { room.sparesAre(bytes: monitor.locked { ready.count } * sizeBytes) }

    /// Gives a spare segment the name of a log's, not yet durable; false if there is none.
    func take(as name: String) -> Bool {
        guard let number = monitor.locked({ ready.isEmpty ? nil : ready.removeFirst() }) else { return false }
        defer {
            monitor.locked {
                lastTakenUs = Clock.monotonicUs()
                monitor.signal()
            }
        }
        do {
            try storage.rename(LogFiles.spare(number), to: name)
            countReady()
            return true
        } catch {
            logger.warning("a spare log segment cannot be used: \(error)")
            return false
        }
    }

    /// Takes over a segment of a log that needs it no more, if there are fewer spares than are wanted; else false. Any
    /// thread.
    func reuse(_ name: String) throws(StorageError) -> Bool {
        let number: UInt64? = monitor.locked {
            guard ready.count + reusable.count < countWanted else { return nil }
            defer { nextNumber += 1 }
            return nextNumber
        }
        guard let number, try storage.sizeBytes(name) == sizeBytes else { return false }
        try storage.rename(name, to: LogFiles.spare(number) + LogFiles.temporarySuffix)
        monitor.locked {
            reusable.append(number)
            monitor.signal()
        }
        return true
    }

    func stop() {
        monitor.locked {
            isStopping = true
            monitor.signal()
        }
    }

    /// The thread's work.
    func run() {
        var hasComplained = false
        takeOver()
        countReady()
        while let (number, isReused) = nextToMake() {
            // What is kept free for a snapshot is not for spares.
            if !isReused && !room.hasRoom(forSpareBytes: sizeBytes) {
                if !hasComplained { logger.warning("the disk has no room for more spare log segments") }
                hasComplained = true
                waitForTheDisk(Self.retryWithoutRoomUs)
                continue
            }
            hasComplained = false
            do {
                try make(number, isReused: isReused)
            } catch {
                logger.warning("no spare log segment can be made, the next try is in a minute: \(error)")
                waitForTheDisk(Self.retryUs)
            }
        }
    }

    /// Finds those of an earlier life; others than are wanted now go.
    private func takeOver() {
        guard let names = try? storage.list() else { return }
        for number in names.compactMap(LogFiles.parseSpare).sorted() {
            let name = LogFiles.spare(number)
            nextNumber = max(nextNumber, number + 1)
            if (try? storage.sizeBytes(name)) == sizeBytes && monitor.locked({ ready.count }) < countWanted {
                monitor.locked { ready.append(number) }
            } else {
                try? storage.remove(name)
            }
        }
    }

    /// Waits until one has to be made; nil at the end.
    private func nextToMake() -> (number: UInt64, isReused: Bool)? {
        monitor.locked {
            while !isStopping {
                if !reusable.isEmpty { return (reusable.removeFirst(), true) }
                let rushEndUs = lastTakenUs + Self.rushEndsAfterUs
                if ready.count >= countWanted {
                    hasBeenFull = true
                    monitor.wait()
                } else if hasBeenFull && ready.count * 2 >= countWanted && Clock.monotonicUs() < rushEndUs {
                    _ = monitor.wait(untilUs: rushEndUs)
                } else {
                    defer { nextNumber += 1 }
                    return (nextNumber, false)
                }
            }
            return nil
        }
    }

    private func make(_ number: UInt64, isReused: Bool) throws {
        let name = LogFiles.spare(number)
        let temporary = name + LogFiles.temporarySuffix
        if !isReused { try storage.create(temporary) }
        do {
            try storage.fillWithZeros(temporary, sizeBytes: sizeBytes) {
                if !monitor.locked({ isStopping }) { usleep(Self.pauseUs) }
            }
            try storage.sync(temporary)
            try storage.rename(temporary, to: name)
        } catch {
            try? storage.remove(temporary)
            throw error
        }
        monitor.locked { ready.append(number) }
        countReady()
    }

    private static let retryUs: UInt64 = 60_000_000
    private static let retryWithoutRoomUs: UInt64 = 1_000_000

    /// Until it may be otherwise, or a segment can be used again.
    private func waitForTheDisk(_ us: UInt64) {
        monitor.locked {
            let untilUs = Clock.monotonicUs() + us
            while !isStopping && reusable.isEmpty && monitor.wait(untilUs: untilUs) {}
        }
    }
}

import Glibc
import Log
import Logging
import Storage

/// Segments made ready long before a log needs them, so that a rush meets room that is there: their thread
/// fills them at a pace that leaves the disk to the logs, and makes up for those that were taken.
///
/// They survive a stop; a start takes over what it finds.
final class SpareSegments: @unchecked Sendable {
    private let storage: DirectoryStorage
    private let sizeBytes: Int
    private let countWanted: Int
    private let logger: Logger
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var ready: [UInt64] = []
    private var nextNumber: UInt64 = 1
    private var isStopping = false

    /// Between two parts of 256 KiB: about 400 MB/s, at which 4 KiB O_DIRECT|RWF_DSYNC writes beside it kept
    /// their median and had a p99 of 0.4 instead of 0.2 ms. At full speed the p99 was 8 ms.
    private static let pauseUs: UInt32 = 300

    /// `sizeBytes` in all are kept ready, in whole segments.
    init(storage: DirectoryStorage, segmentSizeBytes: Int, sizeBytes: Int, logger: Logger) {
        self.storage = storage
        self.sizeBytes = segmentSizeBytes
        countWanted = (sizeBytes + segmentSizeBytes - 1) / segmentSizeBytes
        self.logger = logger
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    /// Gives a spare segment the name of a log's, not yet durable; false if there is none.
    func take(as name: String) -> Bool {
        guard let number = locked({ ready.isEmpty ? nil : ready.removeFirst() }) else { return false }
        defer { locked { _ = pthread_cond_signal(condition) } }
        do {
            try storage.rename(LogFiles.spare(number), to: name)
            return true
        } catch {
            logger.warning("a spare log segment cannot be used: \(error)")
            return false
        }
    }

    func stop() {
        locked {
            isStopping = true
            pthread_cond_signal(condition)
        }
    }

    /// The thread's work.
    func run() {
        takeOver()
        while let number = nextToMake() {
            do {
                try make(number)
            } catch {
                logger.warning("no spare log segment can be made, the next try is in a minute: \(error)")
                waitForTheDisk()
            }
        }
    }

    /// Finds those of an earlier life; others than are wanted now go.
    private func takeOver() {
        guard let names = try? storage.list() else { return }
        for number in names.compactMap(LogFiles.parseSpare).sorted() {
            let name = LogFiles.spare(number)
            nextNumber = max(nextNumber, number + 1)
            if (try? storage.sizeBytes(name)) == sizeBytes && locked({ ready.count }) < countWanted {
                locked { ready.append(number) }
            } else {
                try? storage.remove(name)
            }
        }
    }

    private func nextToMake() -> UInt64? {
        locked {
            while ready.count >= countWanted && !isStopping { pthread_cond_wait(condition, mutex) }
            if isStopping { return nil }
            defer { nextNumber += 1 }
            return nextNumber
        }
    }

    private func make(_ number: UInt64) throws {
        let name = LogFiles.spare(number)
        let temporary = name + LogFiles.temporarySuffix
        try storage.create(temporary)
        do {
            try storage.fillWithZeros(temporary, sizeBytes: sizeBytes) {
                if !locked({ isStopping }) { usleep(Self.pauseUs) }
            }
            try storage.sync(temporary)
            try storage.rename(temporary, to: name)
        } catch {
            try? storage.remove(temporary)
            throw error
        }
        locked { ready.append(number) }
    }

    private func waitForTheDisk() {
        locked {
            var deadline = timespec()
            clock_gettime(CLOCK_REALTIME, &deadline)
            deadline.tv_sec += 60
            while !isStopping {
                if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { return }
            }
        }
    }

    private func locked<T>(_ body: () -> T) -> T {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

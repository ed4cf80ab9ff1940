import Engine
import Log
import Logging
import Protocol
import Shard
import Storage

/// A thread that answers `tail`: durable events behind a place, or a wait until there are some.
///
/// Shards hand requests in and never wait for it. While requests wait it looks again after a pause, since a shard
/// that had to wake it would pay for that with each block. Blocks are kept in memory from the first follower on,
/// until there has been none for `keptUs`.
final class TailKeeper: @unchecked Sendable {
    struct Answer: Sendable {
        var status: ResultCode
        var count: Int
        var results: [UInt8]
    }

    /// A request, until it is answered. The thread's own from `arrived` on.
    private final class Waiting {
        let limit: Int
        var after: LogPlace
        let untilUs: UInt64
        let answer: @Sendable (Answer) -> Void
        var follower: TailFollower?

        init(_ entry: TailEntry, untilUs: UInt64, _ answer: @escaping @Sendable (Answer) -> Void) {
            limit = Int(entry.limit)
            after = entry.after
            self.untilUs = untilUs
            self.answer = answer
        }
    }

    /// Requests that may wait at a time.
    static let waitingMax = 64
    /// Followers that are kept although they do not wait right now.
    private static let keptMax = 16
    /// How long one is kept that does not come again.
    private static let keptUs: UInt64 = 60_000_000
    /// Between two looks for new events while somebody waits: doubled from the first to the second as long as there
    /// are none.
    private static let pauseMinUs: UInt64 = 1_000
    private static let pauseMaxUs: UInt64 = 16_000

    private let storage: DirectoryStorage
    private let board: DurableBoard
    private let recent: [RecentBlocks]
    private let memory: MemorySource
    /// Somebody follows all the time, who has seen to it that blocks are kept.
    private let isAlwaysFollowed: Bool
    private let logger: Logger
    private let monitor = Monitor()

    // Guarded by the monitor.
    private var arrived: [Waiting] = []
    private var outstanding = 0
    private var isStopping = false

    // The thread's own.
    private var waiting: [Waiting] = []
    private var kept: [(follower: TailFollower, sinceUs: UInt64)] = []
    private let results = UnsafeMutableRawBufferPointer.allocate(
        byteCount: (Int(TailEntry.limitMax) + 1) * TailResult.sizeBytes, alignment: 8)

    init(
        storage: DirectoryStorage, board: DurableBoard, recent: [RecentBlocks], isAlwaysFollowed: Bool,
        memory: MemorySource, logger: Logger
    ) {
        self.storage = storage
        self.board = board
        self.recent = recent
        self.memory = memory
        self.isAlwaysFollowed = isAlwaysFollowed
        self.logger = logger
    }

    deinit { results.deallocate() }

    /// Takes a request. Any thread; `answer` is called at once if too many wait, else on this object's thread.
    func request(_ entry: TailEntry, _ answer: @escaping @Sendable (Answer) -> Void) {
        let untilUs = Clock.monotonicUs() + UInt64(entry.waitMs) * 1000
        let refusal: ResultCode? = monitor.locked {
            if isStopping { return .shuttingDown }
            if outstanding == Self.waitingMax { return .busy }
            outstanding += 1
            arrived.append(Waiting(entry, untilUs: untilUs, answer))
            monitor.signal()
            return nil
        }
        if let refusal { answer(Answer(status: refusal, count: 0, results: [])) }
    }

    /// Answers whoever waits, and ends the thread.
    func stop() {
        monitor.locked {
            isStopping = true
            monitor.signal()
        }
    }

    /// The thread's work.
    func run() {
        var pauseUs = Self.pauseMinUs
        while waitForWork(pauseUs) {
            pauseUs = serve() > 0 ? Self.pauseMinUs : min(pauseUs * 2, Self.pauseMaxUs)
            forgetWhoIsGone()
        }
        for request in waiting { request.answer(Answer(status: .shuttingDown, count: 0, results: [])) }
    }

    /// Takes over what has come; false at the end. Returns at once for a new request; else after the pause if
    /// somebody waits, and when somebody has been kept for long enough.
    private func waitForWork(_ pauseUs: UInt64) -> Bool {
        let untilUs =
            waiting.isEmpty ? kept.map { $0.sinceUs + Self.keptUs }.min() : Clock.monotonicUs() + pauseUs
        return monitor.locked {
            while arrived.isEmpty && !isStopping {
                if let untilUs {
                    if !monitor.wait(untilUs: untilUs) { break }
                } else {
                    monitor.wait()
                }
            }
            waiting += arrived
            arrived = []
            return !isStopping
        }
    }

    /// Answers those for whom there is something, and those whose time is over; how many.
    private func serve() -> Int {
        let nowUs = Clock.monotonicUs()
        let cut = board.cut()
        let before = waiting.count
        waiting = waiting.filter { request in
            guard let answer = answer(request, upTo: cut, isLast: request.untilUs <= nowUs) else { return true }
            // Before the answer, which may be followed by the next request.
            monitor.locked { outstanding -= 1 }
            request.answer(answer)
            return false
        }
        return before - waiting.count
    }

    /// The answer to a request; nil if it goes on waiting.
    private func answer(_ request: Waiting, upTo cut: UInt64, isLast: Bool) -> Answer? {
        if request.after == .now { request.after = LogPlace(sequence: cut) }
        let after = request.after
        // What is durable stays: nobody has been told of a sequence that was not drawn.
        guard after.sequence <= board.lastDrawn else { return Answer(status: .invalid, count: 0, results: []) }
        do throws(TailFault) {
            if request.follower == nil { request.follower = try follow(after) }
            let follower = request.follower!
            let base = results.baseAddress!
            let count = try follower.read(into: base, limit: request.limit, upTo: cut)
            if count == 0 && !isLast { return nil }
            TailResult(follower.place).store(to: base + count * TailResult.sizeBytes)
            keep(follower)
            return Answer(results: results, count: count + 1)
        } catch {
            switch error {
            case .trimmed(let oldest):
                TailResult(LogPlace(sequence: oldest), code: .trimmed).store(to: results.baseAddress!)
                return Answer(results: results, count: 1)
            case .unreadable(let fault):
                logger.error("the log cannot be followed: \(fault)")
                return Answer(status: .failed, count: 0, results: [])
            }
        }
    }

    // MARK: Followers

    /// Has blocks kept in memory from now on.
    static func follow(_ recent: [RecentBlocks], _ memory: MemorySource) {
        for blocks in recent where !blocks.isWanted {
            blocks.populate(memory)
            blocks.isWanted = true
        }
    }

    private func follow(_ place: LogPlace) throws(TailFault) -> TailFollower {
        if let index = kept.firstIndex(where: { $0.follower.place == place }) {
            return kept.remove(at: index).follower
        }
        // Before the files are opened: what is written from here on is then in one of the two.
        Self.follow(recent, memory)
        return try TailFollower(storage: storage, after: place, recent: recent)
    }

    private func keep(_ follower: TailFollower) {
        if kept.count == Self.keptMax { kept.removeFirst() }
        kept.append((follower, Clock.monotonicUs()))
    }

    private func forgetWhoIsGone() {
        let nowUs = Clock.monotonicUs()
        kept.removeAll { $0.sinceUs + Self.keptUs <= nowUs }
        guard kept.isEmpty, waiting.isEmpty, !isAlwaysFollowed else { return }
        for blocks in recent where blocks.isWanted { blocks.isWanted = false }
    }
}

extension TailKeeper.Answer {
    fileprivate init(results: UnsafeMutableRawBufferPointer, count: Int) {
        self.init(
            status: .ok, count: count, results: Array(results[..<(count * TailResult.sizeBytes)]))
    }
}

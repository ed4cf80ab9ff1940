import Engine
import Log
import Protocol
import Redis

/// Follows the logs and appends their events to a stream of Redis: each at least once in it as long as the stream is
/// not lost, in order, under its place as its id.
///
/// A batch goes with the id that should be the last one of the stream. If that is another, nothing is appended: then
/// the stream has been lost, or what was in doubt has been done, and it goes on behind what is there. So no event can
/// be missing between two others, and none is there twice. What has left the logs while Redis was away is an entry of
/// its own, of type `gap`.
final class EventStream {
    /// Events of one call.
    static let batchMax = 200
    /// Calls of one step, so that counts are not kept waiting.
    static let callsMax = 25

    private let key: String
    private let countMax: Int
    private let storage: any LogStorage
    private let recent: [RecentBlocks]
    private var follower: TailFollower?
    /// The id of the last entry of the stream, as far as it is known. Empty: there is none.
    private var lastId = ""
    private var entries: [StreamEntry] = []
    /// The stream has events that our log has not: of a server that was started later, or of this one before somebody
    /// went back to an older state of its log.
    private var isAheadOfLog = false
    /// Where the log ended at the start; nil once the stream has been looked at. Earlier lives of this server cannot
    /// have written more, and a copy of its data that went on by itself gives the same sequences to other events.
    private var endAtStart: UInt64?
    private let results = UnsafeMutableRawPointer.allocate(
        byteCount: EventStream.batchMax * TailResult.sizeBytes, alignment: 8)
    private(set) var written: UInt64 = 0
    private(set) var gaps: UInt64 = 0

    /// `countMax`: about how many entries the stream keeps.
    init(key: String, countMax: Int, storage: any LogStorage, recent: [RecentBlocks], endAtStart: UInt64) {
        self.endAtStart = endAtStart
        self.key = key
        self.countMax = countMax
        self.storage = storage
        self.recent = recent
    }

    deinit { results.deallocate() }

    /// The last place that has been handed to the stream; nil while that is not known.
    var place: LogPlace? { entries.isEmpty ? follower?.place : nil }

    /// What Redis has is to be looked at before the next event: after a fault.
    func forget() {
        isAheadOfLog = false
        follower = nil
        entries = []
    }

    /// Looks whether the stream is as it was left; if not, the next step goes on behind what is there.
    func look(_ send: (RedisCommand) throws(MirrorFault) -> RedisReply) throws(MirrorFault) {
        guard follower != nil, entries.isEmpty else { return }
        if try lastOfStream(send) != lastId { forget() }
    }

    private func lastOfStream(
        _ send: (RedisCommand) throws(MirrorFault) -> RedisReply
    ) throws(MirrorFault) -> String {
        let reply = try send(RedisCommand(["EVAL", MirrorScripts.lastOfStream, "1", key], key: key))
        guard let found = reply.text else { throw .refused(reply.refusal) }
        return found
    }

    /// How far a step came.
    enum Progress {
        /// All that is durable is there.
        case whole
        case more
        /// The stream is not as it was left. Before the next step the position has to be looked at: who was started
        /// later has written its position before its events.
        case uncertain
    }

    /// Appends what is durable up to `cut`, for a while.
    func step(
        upTo cut: UInt64, _ send: (RedisCommand) throws(MirrorFault) -> RedisReply
    ) throws(MirrorFault) -> Progress {
        if isAheadOfLog {
            // Nobody who was started later has written it, or we would not be here again.
            if case .error(let text) = try send(RedisCommand(["DEL", key], key: key)) { throw .refused(text) }
            endAtStart = nil
            forget()
        }
        for _ in 0..<Self.callsMax {
            if follower == nil { try begin(upTo: cut, send) }
            if isAheadOfLog { return .uncertain }
            try gather(upTo: cut)
            if entries.isEmpty { return .whole }
            guard try append(send) else {
                forget()
                return .uncertain
            }
        }
        return .more
    }

    // MARK: Where to go on

    /// Behind the last entry that the stream has.
    private func begin(
        upTo cut: UInt64, _ send: (RedisCommand) throws(MirrorFault) -> RedisReply
    ) throws(MirrorFault) {
        lastId = try lastOfStream(send)
        let place = StreamEntry.place(lastId)
            ?? LogPlace(sequence: PlantedBug.streamBeginsAtCut.isPlanted ? cut : 0)
        isAheadOfLog = place.sequence > (endAtStart ?? cut)
        if isAheadOfLog { return }
        endAtStart = nil
        do throws(TailFault) {
            follower = try TailFollower(storage: storage, after: place, recent: recent)
        } catch {
            try passOver(error, after: place)
        }
    }

    /// Events have left the logs: says so, and goes on behind them.
    private func passOver(_ fault: TailFault, after place: LogPlace) throws(MirrorFault) {
        guard case .trimmed(let oldest) = fault else { throw .log(fault) }
        let last = LogPlace(sequence: oldest)
        entries = [StreamEntry(gapAfter: place, until: last)]
        gaps += 1
        do throws(TailFault) {
            follower = try TailFollower(storage: storage, after: last, recent: recent)
        } catch {
            // It has gone on meanwhile: the next look finds how far.
            forget()
        }
    }

    // MARK: Events

    /// Fills `entries` with what comes next.
    private func gather(upTo cut: UInt64) throws(MirrorFault) {
        while entries.isEmpty, let follower {
            let before = follower.place
            let count: Int
            do throws(TailFault) {
                count = try follower.read(into: results, limit: Self.batchMax, upTo: cut)
            } catch {
                return try passOver(error, after: before)
            }
            for index in 0..<count {
                if let entry = StreamEntry(results + index * TailResult.sizeBytes) { entries.append(entry) }
            }
            // A short answer is the end; else there were only events of other kinds.
            if count < Self.batchMax { return }
        }
    }

    /// Answers whether the stream was as it was left.
    private func append(_ send: (RedisCommand) throws(MirrorFault) -> RedisReply) throws(MirrorFault) -> Bool {
        var arguments = ["EVAL", MirrorScripts.append, "1", key, "\(countMax)", lastId]
        for entry in entries {
            arguments += ["\(entry.fields.count)", entry.id]
            arguments += entry.fields
        }
        let reply = try send(RedisCommand(arguments, key: key))
        switch reply {
        case .integer(1):
            written += UInt64(entries.count)
            lastId = entries.last!.id
            entries = []
            return true
        case .integer(0): return false
        default: throw .refused(reply.refusal)
        }
    }
}

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
    private let results = UnsafeMutableRawPointer.allocate(
        byteCount: EventStream.batchMax * TailResult.sizeBytes, alignment: 8)
    private(set) var written: UInt64 = 0
    private(set) var gaps: UInt64 = 0

    /// `countMax`: about how many entries the stream keeps.
    init(key: String, countMax: Int, storage: any LogStorage, recent: [RecentBlocks]) {
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
        follower = nil
        entries = []
    }

    /// Appends what is durable up to `cut`, for a while. Answers whether all of it is there.
    func step(upTo cut: UInt64, _ send: (RedisCommand) throws(MirrorFault) -> RedisReply) throws(MirrorFault) -> Bool {
        for _ in 0..<Self.callsMax {
            if follower == nil { try begin(upTo: cut, send) }
            try gather(upTo: cut)
            if entries.isEmpty { return true }
            try append(send)
        }
        return false
    }

    // MARK: Where to go on

    /// Behind the last entry that the stream has.
    private func begin(
        upTo cut: UInt64, _ send: (RedisCommand) throws(MirrorFault) -> RedisReply
    ) throws(MirrorFault) {
        let reply = try send(RedisCommand(["EVAL", MirrorScripts.lastOfStream, "1", key], key: key))
        guard let found = reply.text else { throw .refused(reply.refusal) }
        lastId = found
        var place = StreamEntry.place(found) ?? LogPlace(sequence: 0)
        if place.sequence > cut {
            // Of a log that is not ours, or was ours before somebody went back to an older state of it.
            _ = try send(RedisCommand(["DEL", key], key: key))
            lastId = ""
            place = LogPlace(sequence: 0)
        }
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

    private func append(_ send: (RedisCommand) throws(MirrorFault) -> RedisReply) throws(MirrorFault) {
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
        case .integer(0): forget()
        default: throw .refused(reply.refusal)
        }
    }
}

import Mirror
import Redis

/// A Redis that answers late or not at all, forgets, and comes to commands in an order of its own. It knows the
/// commands of the mirror, and what its scripts mean.
final class SimulatedRedis {
    enum Value: Equatable {
        case text(String)
        case hash([String: String])
        case stream(Stream)
    }

    struct Stream: Equatable {
        var lastId = ""
        /// The first field of each, which is its type, and its value.
        var entries: [(id: String, type: String)] = []

        static func == (left: Stream, right: Stream) -> Bool { left.lastId == right.lastId }
    }

    fileprivate(set) var keys: [String: Value] = [:]
    /// What a replica had, or a file: an older state.
    private var older: [String: Value] = [:]
    /// Commands of connections that were given up.
    private var late: [[String]] = []
    /// Hashes that commands have changed since the last look.
    var changed: Set<String> = []
    /// What has been appended to streams since the last look, each time with the id before.
    var appended: [(before: String, entries: [(id: String, type: String)])] = []
    /// A key that a command has brought back to an older state than it had.
    private(set) var broughtBack: String?

    // MARK: Trouble

    func flushAll() { keys = [:] }
    func keepOlder() { older = keys }
    func failOver() { keys = older }

    func spoil(_ key: String) { keys[key] = .text("not ours") }
    func remove(_ key: String) { keys[key] = nil }

    func isLate(_ command: [String]) { late.append(command) }
    var lateCount: Int { late.count }

    func carryOutLate(_ index: Int) { _ = carryOut(late.remove(at: index)) }

    // MARK: Commands

    func carryOut(_ command: [String]) -> RedisReply {
        switch command[0] {
        case "GET":
            guard case .text(let text)? = keys[command[1]] else { return .null }
            return .bytes(Array(text.utf8))
        case "HMGET": return hash(command[1], command[2...])
        case "DEL": return .integer(keys.removeValue(forKey: command[1]) == nil ? 0 : 1)
        case "EVAL": return evaluate(command)
        default: return .error("ERR unknown command '\(command[0])'")
        }
    }

    private func hash(_ key: String, _ fields: ArraySlice<String>) -> RedisReply {
        switch keys[key] {
        case .text, .stream: .error("WRONGTYPE Operation against a key holding the wrong kind of value")
        case .hash(let found): .array(fields.map { found[$0].map { .bytes(Array($0.utf8)) } ?? .null })
        case nil: .array(fields.map { _ in .null })
        }
    }

    private func evaluate(_ command: [String]) -> RedisReply {
        let count = Int(command[2])!
        let names = Array(command[3..<(3 + count)])
        let rest = Array(command[(3 + count)...])
        switch command[1] {
        case MirrorScripts.lastOfStream: return .bytes(Array(stream(names[0]).lastId.utf8))
        case MirrorScripts.append: return append(names[0], rest)
        default: break
        }
        if case .text? = keys[names[0]] { keys[names[0]] = nil }
        var hash: [String: String] = [:]
        if case .hash(let found)? = keys[names[0]] { hash = found }
        let (epoch, sequence) = (UInt64(rest[0])!, UInt64(rest[1])!)
        let old = (UInt64(hash["epoch"] ?? ""), UInt64(hash["seq"] ?? ""))
        let isStale = old.0 ?? 0 > epoch || old.0 == epoch && old.1 ?? 0 > sequence
        let found = [RedisReply.bytes(Array((hash["epoch"] ?? "").utf8)), .bytes(Array((hash["seq"] ?? "").utf8))]
        var values = rest[2...]
        switch command[1] {
        case MirrorScripts.write, MirrorScripts.writeAlways:
            if isStale && command[1] == MirrorScripts.write { return .integer(0) }
            if count > 1 { keys[names[1]] = .text(rest[2]) }
            values = rest[3...]
        case MirrorScripts.remove:
            if isStale { return .integer(0) }
            if count > 1 { keys[names[1]] = nil }
            hash = [:]
            values = ["state", "retired"]
        case MirrorScripts.position:
            if isStale { return .array([.integer(0)] + found) }
            guard hash["epoch"] ?? "" == rest[2], hash["seq"] ?? "" == rest[3] else {
                return .array([.integer(2)] + found)
            }
            values = rest[4...]
        default: return .error("NOSCRIPT a script that is not known")
        }
        if isStale { broughtBack = names[0] }
        hash["epoch"] = rest[0]
        hash["seq"] = rest[1]
        while values.count >= 2 { hash[values.removeFirst()] = values.removeFirst() }
        keys[names[0]] = .hash(hash)
        changed.insert(names[0])
        return command[1] == MirrorScripts.position ? .array([.integer(1)] + found) : .integer(1)
    }
}

extension SimulatedRedis {
    private func stream(_ name: String) -> Stream {
        guard case .stream(let found)? = keys[name] else { return Stream() }
        return found
    }

    private func append(_ name: String, _ arguments: [String]) -> RedisReply {
        var found = stream(name)
        guard found.lastId == arguments[1] else { return .integer(0) }
        var rest = arguments[2...]
        var entries: [(id: String, type: String)] = []
        while let count = rest.popFirst().flatMap({ Int($0) }), let id = rest.popFirst() {
            let fields = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            guard isAfter(id, found.lastId) else {
                return .error("ERR The ID specified in XADD is equal or smaller than the target stream top item")
            }
            found.lastId = id
            entries.append((id, fields[1]))
        }
        appended.append((arguments[1], entries))
        found.entries += entries
        // It may keep more than it is asked to.
        if let most = Int(arguments[0]), found.entries.count > 2 * most {
            found.entries.removeFirst(found.entries.count - most)
        }
        keys[name] = .stream(found)
        return .integer(1)
    }

    private func isAfter(_ id: String, _ other: String) -> Bool {
        func parts(_ id: String) -> (UInt64, UInt64) {
            let parts = id.split(separator: "-").compactMap { UInt64($0) }
            return parts.count == 2 ? (parts[0], parts[1]) : (0, 0)
        }
        return parts(id) > parts(other)
    }
}

/// The way to it, with the faults of one.
final class SimulatedRedisLink: RedisLink {
    enum Fault: CaseIterable {
        /// Nothing arrives.
        case unreachable
        /// Some of the commands are done, and no answer comes.
        case cut
        /// All of them will be done some time, and no answer comes.
        case late
        /// Some are refused.
        case refusals
    }

    let redis: SimulatedRedis
    /// The fault of the next call.
    private let next: () -> Fault?
    private let below: (Int) -> Int

    init(_ redis: SimulatedRedis, below: @escaping (Int) -> Int, next: @escaping () -> Fault?) {
        self.redis = redis
        self.below = below
        self.next = next
    }

    func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply] {
        let texts = commands.map { $0.arguments.map { String(decoding: $0, as: UTF8.self) } }
        switch next() {
        case nil: return texts.map { redis.carryOut($0) }
        case .unreachable: throw .timedOut(address: "redis")
        case .cut:
            for text in texts.prefix(below(texts.count + 1)) { _ = redis.carryOut(text) }
            throw .timedOut(address: "redis")
        case .late:
            for text in texts { redis.isLate(text) }
            throw .timedOut(address: "redis")
        case .refusals:
            return texts.map { text in
                below(3) == 0 ? .error("OOM command not allowed when used memory > 'maxmemory'.") : redis.carryOut(text)
            }
        }
    }

    func close() {}
}

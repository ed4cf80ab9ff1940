import Engine
import Mirror
import Protocol
import Redis

/// A sale or a policy by what it is called.
struct OfferName: Hashable, Comparable {
    var kind: OfferKind
    var id: UInt64

    static func < (left: OfferName, right: OfferName) -> Bool {
        (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
    }
}

/// What a mirror has written, as it stands in Redis: each key at one moment of its own, the position before all keys.
/// So every key has at least the state of the position.
struct RedisCopy {
    /// What a key was written with.
    struct Mark: Equatable {
        var epoch: UInt64
        var sequence: UInt64

        /// Of the fields of a hash; nil if they are not two numbers.
        init?(_ fields: [String: String]) {
            guard let epoch = fields["epoch"].flatMap({ UInt64($0) }),
                let sequence = fields["seq"].flatMap({ UInt64($0) })
            else { return nil }
            (self.epoch, self.sequence) = (epoch, sequence)
        }
    }

    /// What was found under a key.
    enum Found<Value: Equatable>: Equatable {
        case nothing
        case otherType
        case value(Value)
    }

    struct Key {
        var name: OfferName
        var hash: Found<[String: String]>
        /// The plain number beside it; nil for a policy.
        var plain: Found<String>?
        /// It changed each time it was read, so that the two may be of two moments.
        var isMoving = false

        /// Of its hash; empty where there is none.
        var fields: [String: String] {
            if case .value(let fields) = hash { return fields }
            return [:]
        }
    }

    struct StreamEnd: Equatable {
        var place: LogPlace
        var type: String
    }

    private(set) var position: Found<[String: String]> = .nothing
    private(set) var keys: [OfferName: Key] = [:]
    /// The last entry of the stream; of its value nil if its id is no place of a log.
    private(set) var streamEnd: Found<StreamEnd?> = .nothing

    /// Keys of one pipeline.
    private static let batchMax = 300
    /// How often a key is read again that changed between two looks.
    private static let readsMax = 20

    private let names: MirrorKeys
    private let link: any RedisLink
    private let timeoutMs: UInt64

    /// - Throws: `RedisFault`; `Refusal` for what Redis refuses.
    init(at place: RedisSettings.Place, prefix: String, timeoutMs: UInt64) throws {
        names = MirrorKeys(prefix: prefix)
        link = RedisSettings(place: place).makeLink(clientName: "wal-replay")
        self.timeoutMs = timeoutMs
        defer { link.close() }
        position = try Self.hash(send([["HGETALL", names.position]])[0])
        streamEnd = try readStreamEnd()
        var found: Set<OfferName> = []
        for kind in [OfferKind.sale, .policy] {
            let pattern = Self.literally(names.start(of: kind)) + "*"
            let matching = try RedisKeys.matching(
                Array(pattern.utf8), at: place, clientName: "wal-replay", timeoutMs: timeoutMs)
            for key in matching {
                if let id = names.id(ofKey: key, kind) { found.insert(OfferName(kind: kind, id: id)) }
            }
        }
        try read(found.sorted())
    }

    private mutating func read(_ wanted: [OfferName]) throws {
        var left = wanted
        for attempt in 1...Self.readsMax where !left.isEmpty {
            var moved: [OfferName] = []
            for start in stride(from: 0, to: left.count, by: Self.batchMax) {
                for key in try look(at: Array(left[start..<min(start + Self.batchMax, left.count)])) {
                    // Once it has the last word, a key that still moves is kept as it is.
                    if key.isMoving && attempt < Self.readsMax { moved.append(key.name) } else { keys[key.name] = key }
                }
            }
            left = moved
        }
    }

    /// The hash, the plain number, and the mark of the hash once more: if that is the same, nobody has written between,
    /// since a write changes it.
    private func look(at wanted: [OfferName]) throws -> [Key] {
        var commands: [[String]] = []
        for name in wanted {
            let key = names.counts(name.kind, name.id)
            commands.append(["HGETALL", key])
            guard let plain = names.available(name.kind, name.id) else { continue }
            commands += [["GET", plain], ["HMGET", key, "epoch", "seq"]]
        }
        var replies = try send(commands)[...]
        return try wanted.map { name in
            var key = Key(name: name, hash: try Self.hash(replies.removeFirst()))
            guard name.kind == .sale else { return key }
            key.plain = try Self.text(replies.removeFirst())
            let mark = replies.removeFirst()
            if mark.errorCode != "WRONGTYPE" { try Self.check(mark) }
            if case .array(let again) = mark {
                key.isMoving = again.map(Self.string) != [key.fields["epoch"], key.fields["seq"]]
            }
            return key
        }
    }

    private func readStreamEnd() throws -> Found<StreamEnd?> {
        let reply = try send([["XREVRANGE", names.events, "+", "-", "COUNT", "1"]])[0]
        if reply.errorCode == "WRONGTYPE" { return .otherType }
        if reply.errorCode == "NOPERM" {
            remark("the stream of events is not compared: this user of Redis may not read it (XREVRANGE)")
            return .nothing
        }
        try Self.check(reply)
        guard case .array(let entries) = reply, case .array(let entry)? = entries.first, entry.count == 2,
            let id = Self.string(entry[0])
        else { return .nothing }
        guard let place = StreamEntry.place(id) else { return .value(nil) }
        return .value(StreamEnd(place: place, type: Self.fields(entry[1])["type"] ?? ""))
    }

    // MARK: Replies

    private func send(_ commands: [[String]]) throws -> [RedisReply] {
        if commands.isEmpty { return [] }
        return try link.send(commands.map { RedisCommand($0, key: $0[1]) }, timeoutMs: timeoutMs)
    }

    private static func check(_ reply: RedisReply) throws {
        if case .error(let text) = reply { throw Refusal("Redis answered: \(text)") }
    }

    private static func hash(_ reply: RedisReply) throws -> Found<[String: String]> {
        if reply.errorCode == "WRONGTYPE" { return .otherType }
        try check(reply)
        let fields = fields(reply)
        return fields.isEmpty ? .nothing : .value(fields)
    }

    private static func text(_ reply: RedisReply) throws -> Found<String> {
        if reply.errorCode == "WRONGTYPE" { return .otherType }
        try check(reply)
        return string(reply).map { .value($0) } ?? .nothing
    }

    private static func fields(_ reply: RedisReply) -> [String: String] {
        guard case .array(let parts) = reply else { return [:] }
        var fields: [String: String] = [:]
        for place in stride(from: 0, to: parts.count - 1, by: 2) {
            if let name = string(parts[place]), let value = string(parts[place + 1]) { fields[name] = value }
        }
        return fields
    }

    /// Any bytes, for people to read; nil if there is nothing.
    private static func string(_ reply: RedisReply) -> String? {
        switch reply {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// As a pattern of `SCAN` that means nothing but itself.
    private static func literally(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if "*?[]\\^".contains(character) { result.append("\\") }
            result.append(character)
        }
    }
}

extension MirrorKeys {
    /// What the keys of all offers of a kind begin with.
    func start(of kind: OfferKind) -> String { String(counts(kind, 0).dropLast(2)) }

    /// The offer of a key, also if it is that of the number beside the hash; nil for a key that no mirror writes.
    func id(ofKey key: [UInt8], _ kind: OfferKind) -> UInt64? {
        let text = String(decoding: key, as: UTF8.self)
        let start = start(of: kind)
        guard text.hasPrefix(start) else { return nil }
        guard let id = UInt64(text.dropFirst(start.count).prefix { $0 != "}" }) else { return nil }
        return text == counts(kind, id) || text == available(kind, id) ? id : nil
    }
}

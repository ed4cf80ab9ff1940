/// Something that stands in Redis and not in the log, or the other way round.
struct MirrorFinding: Equatable {
    /// The worst first.
    enum Kind: Int, Comparable {
        /// Of a sequence that the log does not have: what Redis shows has not happened, as far as the log knows.
        case ahead
        case differs
        /// The key holds another type.
        case type
        /// Right at its own sequence, but it has not followed what had changed by the position.
        case stale
        case missing
        /// Of a sale or a policy that the log does not know.
        case stranger
        /// No difference: it cannot be told.
        case untold

        static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }

        /// As it stands in front of a line.
        var mark: String {
            switch self {
            case .ahead: "AHEAD      "
            case .differs, .type: "DIFFERS    "
            case .stale: "STALE      "
            case .missing: "MISSING    "
            case .stranger: "STRANGER   "
            case .untold: "untold     "
            }
        }
    }

    var kind: Kind
    var key: String
    var field: String?
    var log: String?
    var redis: String?
    /// The sequence at which the two were compared.
    var sequence: UInt64?
    /// The rest of a sentence that begins with the key.
    var why: String?

    var text: String {
        var text = kind.mark + key
        if let field { text += ": \(field)  log: \(log ?? "nothing"), Redis: \(redis ?? "nothing")" }
        if let why { text += field == nil ? ": \(why)" : "; \(why)" }
        if let sequence, field != nil { text += " (at sequence \(sequence))" }
        return text
    }

    var json: String {
        var line = JsonLine()
        line.add("finding", "\(kind)")
        line.add("key", key)
        if let field { line.add("field", field) }
        if let log { line.add("log", log) }
        if let redis { line.add("redis", redis) }
        if let sequence { line.add("sequence", sequence) }
        if let why { line.add("why", why) }
        return line.closed
    }
}

/// One answer of Redis.
public enum RedisReply: Equatable, Sendable {
    case null
    case status(String)
    case integer(Int64)
    case bytes([UInt8])
    case array([RedisReply])
    /// What Redis says when it refuses a command, such as `WRONGTYPE Operation against a key ...`.
    case error(String)

    /// The word in capitals that an error begins with, such as `OOM`; nil for every other reply.
    public var errorCode: Substring? {
        guard case .error(let text) = self else { return nil }
        return text.prefix { $0 != " " }
    }

    /// The text of a status or of bytes that are UTF-8; nil for every other reply.
    public var text: String? {
        switch self {
        case .status(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }
}

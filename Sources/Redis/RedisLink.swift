/// One answer of Redis.
public enum RedisReply: Equatable, Sendable {
    case null
    case status(String)
    case integer(Int64)
    case bytes([UInt8])
    case array([RedisReply])
    case error(String)
}

public struct RedisCommand: Sendable {
    public var arguments: [[UInt8]]
    public var key: [UInt8]?

    public init(_ arguments: [String], key: String? = nil) {
        self.arguments = arguments.map { Array($0.utf8) }
        self.key = key.map { Array($0.utf8) }
    }
}

public enum RedisFault: Error, Equatable, Sendable {
    case timedOut
}

public protocol RedisLink: AnyObject {
    func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply]
    func close()
}

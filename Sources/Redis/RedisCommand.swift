/// A command, and the key that decides its node in a cluster.
public struct RedisCommand: Sendable, Equatable {
    /// The name of the command first; any bytes.
    public var arguments: [[UInt8]]
    /// nil: any node can answer it.
    public var key: [UInt8]?

    /// - Precondition: there is an argument.
    public init(_ arguments: [[UInt8]], key: [UInt8]? = nil) {
        precondition(!arguments.isEmpty, "a command has a name")
        self.arguments = arguments
        self.key = key
    }

    public init(_ arguments: [String], key: String? = nil) {
        self.init(arguments.map { Array($0.utf8) }, key: key.map { Array($0.utf8) })
    }

    /// Appends the command as it goes over the wire (https://redis.io/docs/reference/protocol-spec): every argument
    /// has its length in front, so that any bytes may be in it.
    func encode(into output: inout [UInt8]) {
        Self.appendLine("*", arguments.count, to: &output)
        for argument in arguments {
            Self.appendLine("$", argument.count, to: &output)
            output.append(contentsOf: argument)
            output.append(contentsOf: [0x0d, 0x0a])
        }
    }

    private static func appendLine(_ kind: Unicode.Scalar, _ number: Int, to output: inout [UInt8]) {
        output.append(UInt8(ascii: kind))
        output.append(contentsOf: String(number).utf8)
        output.append(contentsOf: [0x0d, 0x0a])
    }
}

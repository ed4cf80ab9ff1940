/// A secret that a client presents in its handshake, and what it may do with it.
public struct Token: Sendable, Equatable {
    public enum Scope: String, CaseIterable, Sendable {
        /// Orders, confirms, cancels and reads.
        case shop
        /// All of that, and creating, restocking and closing.
        case admin
    }

    /// The lengths that fit the handshake's field and are not guessed.
    public static let sizeBytes = 16...78

    public var scope: Scope
    /// UTF-8 without control characters, as the handshake's field wants it.
    public var bytes: [UInt8]

    /// Length and content are checked where tokens come from, in `TokenFile`.
    public init(scope: Scope, bytes: [UInt8]) {
        self.scope = scope
        self.bytes = bytes
    }
}

/// Neither `print`, nor `dump`, nor string interpolation may put the secret into a log.
extension Token: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(scope.rawValue) token" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["scope": scope]) }
}

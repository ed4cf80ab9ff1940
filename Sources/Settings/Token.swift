import CAtomics

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

    /// Whether a client has presented this token, in a time that tells nothing about it.
    public func isSame(as given: some Collection<UInt8>) -> Bool {
        Token.withField(bytes) { secret in
            Token.withField(given) { ts_is_same_secret(secret, $0, Token.fieldSizeBytes) }
        }
    }

    /// A byte for the length, then the longest token.
    private static let fieldSizeBytes = 1 + sizeBytes.upperBound

    /// All tokens take as many bytes as the longest one, zeros behind them, so that their comparison takes the same
    /// time.
    private static func withField<Result>(
        _ bytes: some Collection<UInt8>, _ body: (UnsafeRawPointer) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(byteCount: fieldSizeBytes, alignment: 8) { field in
            field.initializeMemory(as: UInt8.self, repeating: 0)
            // One that is too long is nobody's: no token has this length.
            field[0] = UInt8(min(bytes.count, 255))
            field[1...].copyBytes(from: bytes.prefix(sizeBytes.upperBound))
            return body(UnsafeRawPointer(field.baseAddress!))
        }
    }
}

/// Neither `print`, nor `dump`, nor string interpolation may put the secret into a log.
extension Token: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(scope.rawValue) token" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["scope": scope]) }
}

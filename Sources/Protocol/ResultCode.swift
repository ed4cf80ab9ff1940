/// The outcome of one entry, or (in the status field of a frame) the fault of a whole frame.
///
/// The numbers are part of the protocol and are never given another meaning.
public struct ResultCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable
    init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

extension ResultCode {
    public static let ok = ResultCode(0)

    // Faults of a frame: no entry of it was looked at.
    public static let unsupportedVersion = ResultCode(1)
    public static let unknownOperation = ResultCode(2)
    public static let badLength = ResultCode(3)
    public static let badCount = ResultCode(4)
    public static let badChecksum = ResultCode(5)
    public static let handshakeRequired = ResultCode(6)
    public static let unauthenticated = ResultCode(7)
    public static let forbidden = ResultCode(8)
    public static let badShard = ResultCode(9)
    public static let badFlags = ResultCode(10)

    // Faults of an entry, whatever the state.
    public static let invalid = ResultCode(16)
    public static let invalidId = ResultCode(17)
    public static let wrongPartition = ResultCode(18)
    public static let idTooOld = ResultCode(19)
    public static let idInFuture = ResultCode(20)
    public static let idReused = ResultCode(21)
    public static let notFound = ResultCode(22)
    public static let alreadyExists = ResultCode(23)

    // Refusals of an order.
    public static let soldOut = ResultCode(32)
    public static let limitExceeded = ResultCode(33)
    public static let notStarted = ResultCode(34)
    public static let ended = ResultCode(35)
    public static let closed = ResultCode(36)
    public static let confirmed = ResultCode(37)
    public static let cancelled = ResultCode(38)
    public static let expired = ResultCode(39)
    public static let partOfCheckout = ResultCode(40)

    // Bounds of the server: the same request may succeed later.
    public static let busy = ResultCode(96)
    public static let capacity = ResultCode(97)
    public static let noSpace = ResultCode(98)
    public static let shuttingDown = ResultCode(99)
}

extension ResultCode {
    /// Whether the same request, sent again unchanged, may succeed without anybody's doing.
    public var isRetryable: Bool {
        switch self {
        case .busy, .capacity, .noSpace, .shuttingDown: true
        default: false
        }
    }

    /// Every code with its name as documentation, metrics and the HTTP API write it.
    public static let names: [(code: ResultCode, name: String)] = [
        (.ok, "OK"),
        (.unsupportedVersion, "UNSUPPORTED_VERSION"), (.unknownOperation, "UNKNOWN_OPERATION"),
        (.badLength, "BAD_LENGTH"), (.badCount, "BAD_COUNT"), (.badChecksum, "BAD_CHECKSUM"),
        (.handshakeRequired, "HANDSHAKE_REQUIRED"), (.unauthenticated, "UNAUTHENTICATED"),
        (.forbidden, "FORBIDDEN"), (.badShard, "BAD_SHARD"), (.badFlags, "BAD_FLAGS"),
        (.invalid, "INVALID"), (.invalidId, "INVALID_ID"), (.wrongPartition, "WRONG_PARTITION"),
        (.idTooOld, "ID_TOO_OLD"), (.idInFuture, "ID_IN_FUTURE"), (.idReused, "ID_REUSED"),
        (.notFound, "NOT_FOUND"), (.alreadyExists, "ALREADY_EXISTS"),
        (.soldOut, "SOLD_OUT"), (.limitExceeded, "LIMIT_EXCEEDED"), (.notStarted, "NOT_STARTED"),
        (.ended, "ENDED"), (.closed, "CLOSED"), (.confirmed, "CONFIRMED"), (.cancelled, "CANCELLED"),
        (.expired, "EXPIRED"), (.partOfCheckout, "PART_OF_CHECKOUT"),
        (.busy, "BUSY"), (.capacity, "CAPACITY"), (.noSpace, "NO_SPACE"), (.shuttingDown, "SHUTTING_DOWN"),
    ]
}

extension ResultCode: CustomStringConvertible {
    public var description: String {
        Self.names.first { $0.code == self }?.name ?? "CODE_\(rawValue)"
    }
}

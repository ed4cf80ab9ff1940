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
    @inlinable public static var ok: ResultCode { ResultCode(0) }

    // Faults of a frame: no entry of it was looked at.
    @inlinable public static var unsupportedVersion: ResultCode { ResultCode(1) }
    @inlinable public static var unknownOperation: ResultCode { ResultCode(2) }
    @inlinable public static var badLength: ResultCode { ResultCode(3) }
    @inlinable public static var badCount: ResultCode { ResultCode(4) }
    @inlinable public static var badChecksum: ResultCode { ResultCode(5) }
    @inlinable public static var handshakeRequired: ResultCode { ResultCode(6) }
    @inlinable public static var unauthenticated: ResultCode { ResultCode(7) }
    @inlinable public static var forbidden: ResultCode { ResultCode(8) }
    @inlinable public static var badShard: ResultCode { ResultCode(9) }
    @inlinable public static var badFlags: ResultCode { ResultCode(10) }

    // Faults of an entry, whatever the state.
    @inlinable public static var invalid: ResultCode { ResultCode(16) }
    @inlinable public static var invalidId: ResultCode { ResultCode(17) }
    @inlinable public static var wrongPartition: ResultCode { ResultCode(18) }
    @inlinable public static var idTooOld: ResultCode { ResultCode(19) }
    @inlinable public static var idInFuture: ResultCode { ResultCode(20) }
    @inlinable public static var idReused: ResultCode { ResultCode(21) }
    @inlinable public static var notFound: ResultCode { ResultCode(22) }
    @inlinable public static var alreadyExists: ResultCode { ResultCode(23) }
    @inlinable public static var invalidAmount: ResultCode { ResultCode(24) }

    // Refusals of an order.
    @inlinable public static var soldOut: ResultCode { ResultCode(32) }
    @inlinable public static var limitExceeded: ResultCode { ResultCode(33) }
    @inlinable public static var notStarted: ResultCode { ResultCode(34) }
    @inlinable public static var ended: ResultCode { ResultCode(35) }
    @inlinable public static var closed: ResultCode { ResultCode(36) }
    @inlinable public static var confirmed: ResultCode { ResultCode(37) }
    @inlinable public static var cancelled: ResultCode { ResultCode(38) }
    @inlinable public static var expired: ResultCode { ResultCode(39) }
    @inlinable public static var partOfCheckout: ResultCode { ResultCode(40) }

    // Refusals of points.
    @inlinable public static var insufficientPoints: ResultCode { ResultCode(64) }
    @inlinable public static var alreadySpent: ResultCode { ResultCode(65) }

    // Refusals of coupons and their policies.
    @inlinable public static var exhausted: ResultCode { ResultCode(80) }
    @inlinable public static var alreadyIssued: ResultCode { ResultCode(81) }
    @inlinable public static var notOwner: ResultCode { ResultCode(82) }
    @inlinable public static var alreadyUsed: ResultCode { ResultCode(83) }
    @inlinable public static var notUsed: ResultCode { ResultCode(84) }
    @inlinable public static var minPurchase: ResultCode { ResultCode(85) }
    @inlinable public static var invalidPercentage: ResultCode { ResultCode(86) }

    // Bounds of the server: the same request may succeed later.
    @inlinable public static var busy: ResultCode { ResultCode(96) }
    @inlinable public static var capacity: ResultCode { ResultCode(97) }
    @inlinable public static var noSpace: ResultCode { ResultCode(98) }
    @inlinable public static var shuttingDown: ResultCode { ResultCode(99) }

    // What the server tried and could not do; its messages say why.
    @inlinable public static var failed: ResultCode { ResultCode(112) }

    // What was asked for is not there any more.
    @inlinable public static var trimmed: ResultCode { ResultCode(113) }
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
        (.invalidAmount, "INVALID_AMOUNT"),
        (.soldOut, "SOLD_OUT"), (.limitExceeded, "LIMIT_EXCEEDED"), (.notStarted, "NOT_STARTED"),
        (.ended, "ENDED"), (.closed, "CLOSED"), (.confirmed, "CONFIRMED"), (.cancelled, "CANCELLED"),
        (.expired, "EXPIRED"), (.partOfCheckout, "PART_OF_CHECKOUT"),
        (.insufficientPoints, "INSUFFICIENT_POINTS"), (.alreadySpent, "ALREADY_SPENT"),
        (.exhausted, "EXHAUSTED"), (.alreadyIssued, "ALREADY_ISSUED"), (.notOwner, "NOT_OWNER"),
        (.alreadyUsed, "ALREADY_USED"), (.notUsed, "NOT_USED"), (.minPurchase, "MIN_PURCHASE"),
        (.invalidPercentage, "INVALID_PERCENTAGE"),
        (.busy, "BUSY"), (.capacity, "CAPACITY"), (.noSpace, "NO_SPACE"), (.shuttingDown, "SHUTTING_DOWN"),
        (.failed, "FAILED"), (.trimmed, "TRIMMED"),
    ]
}

extension ResultCode: CustomStringConvertible {
    public var description: String {
        Self.names.first { $0.code == self }?.name ?? "CODE_\(rawValue)"
    }
}

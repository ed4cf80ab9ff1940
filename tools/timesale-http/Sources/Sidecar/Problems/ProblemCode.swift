/// Why a request was not done: the `code` of a problem. This is the one table of codes: answers, the OpenAPI document
/// and the tests are made from it.
public enum ProblemCode: Int, CaseIterable, Sendable {
    case malformed, invalid, unknownField
    case unauthenticated, forbidden, notFound, methodNotAllowed
    case alreadyExists
    case soldOut, limitExceeded, notStarted, ended, closed
    case confirmed, cancelled, expired, partOfCheckout
    case exhausted, alreadyIssued, alreadyUsed, notOwner, minPurchase, notUsed
    case insufficientPoints, alreadyCancelled, alreadySpent
    case gone, tooLarge, unsupportedMediaType, idempotencyKeyReused, rateLimited
    case internalError, busy, unavailable, outcomeUnknown, noSpace, capacity

    /// What stands in the table for a code.
    public struct Row: Sendable {
        /// In capitals, as in the answer's `code`.
        public let name: String
        public let status: Int
        public let title: String
        /// The seconds of `Retry-After`; nil if the same request, sent again, is not worth it.
        public let retryAfterSeconds: Int?

        init(_ name: String, _ status: Int, _ title: String, retryAfter: Int? = nil) {
            self.name = name
            self.status = status
            self.title = title
            retryAfterSeconds = retryAfter
        }
    }

    public var row: Row {
        switch self {
        case .malformed: Row("MALFORMED", 400, "The request cannot be read")
        case .invalid: Row("INVALID", 400, "A value is outside of its range")
        case .unknownField: Row("UNKNOWN_FIELD", 400, "There is no such field")
        case .unauthenticated: Row("UNAUTHENTICATED", 401, "A valid token is needed")
        case .forbidden: Row("FORBIDDEN", 403, "The token does not allow this")
        case .notFound: Row("NOT_FOUND", 404, "There is no such thing")
        case .methodNotAllowed: Row("METHOD_NOT_ALLOWED", 405, "The path does not take this method")
        case .alreadyExists: Row("ALREADY_EXISTS", 409, "The id is taken")
        case .soldOut: Row("SOLD_OUT", 409, "Fewer units than wanted are available")
        case .limitExceeded: Row("LIMIT_EXCEEDED", 409, "More than one user may have")
        case .notStarted: Row("NOT_STARTED", 409, "It has not started yet")
        case .ended: Row("ENDED", 409, "It is over")
        case .closed: Row("CLOSED", 409, "It was closed")
        case .confirmed: Row("CONFIRMED", 409, "It is confirmed already")
        case .cancelled: Row("CANCELLED", 409, "It was cancelled")
        case .expired: Row("EXPIRED", 409, "Its time is over")
        case .partOfCheckout: Row("PART_OF_CHECKOUT", 409, "It ends only with its checkout")
        case .exhausted: Row("EXHAUSTED", 409, "No coupon is left")
        case .alreadyIssued: Row("ALREADY_ISSUED", 409, "The user has had as many as one may have")
        case .alreadyUsed: Row("ALREADY_USED", 409, "The coupon is used")
        case .notOwner: Row("NOT_OWNER", 409, "It belongs to another user")
        case .minPurchase: Row("MIN_PURCHASE", 409, "The purchase is below the least of the policy")
        case .notUsed: Row("NOT_USED", 409, "The coupon is not used")
        case .insufficientPoints: Row("INSUFFICIENT_POINTS", 409, "The user has fewer points")
        case .alreadyCancelled: Row("ALREADY_CANCELLED", 409, "The transaction is cancelled already")
        case .alreadySpent: Row("ALREADY_SPENT", 409, "Some of the points are spent")
        case .gone: Row("GONE", 410, "These events are not kept any more")
        case .tooLarge: Row("TOO_LARGE", 413, "The request is too large")
        case .unsupportedMediaType: Row("UNSUPPORTED_MEDIA_TYPE", 415, "The body must be application/json")
        case .idempotencyKeyReused:
            Row("IDEMPOTENCY_KEY_REUSED", 422, "The Idempotency-Key was used with other content")
        case .rateLimited: Row("RATE_LIMITED", 429, "Too many requests", retryAfter: 1)
        case .internalError: Row("INTERNAL", 500, "Something is wrong here")
        case .busy: Row("BUSY", 503, "Too much is under way at this moment", retryAfter: 1)
        case .unavailable: Row("UNAVAILABLE", 503, "The engine does not answer", retryAfter: 1)
        case .outcomeUnknown: Row("OUTCOME_UNKNOWN", 504, "Nobody knows yet whether it was done", retryAfter: 1)
        case .noSpace: Row("NO_SPACE", 507, "The disk of the engine is full", retryAfter: 10)
        case .capacity: Row("CAPACITY", 507, "A table of the engine is full", retryAfter: 10)
        }
    }

    public var name: String { row.name }
    public var status: Int { row.status }

    /// The URI reference that names the kind of problem, such as `/problems/sold-out`.
    public var type: String { "/problems/" + name.lowercased().replacing("_", with: "-") }

    /// Those that any operation may answer with, besides its own.
    public static let ofAnyOperation: [ProblemCode] = [
        .malformed, .invalid, .unknownField, .unauthenticated, .forbidden, .notFound, .methodNotAllowed, .tooLarge,
        .unsupportedMediaType, .rateLimited, .internalError, .busy, .unavailable,
    ]

    /// Those that any operation which changes something may answer with, besides.
    public static let ofAnyChange: [ProblemCode] = [.idempotencyKeyReused, .outcomeUnknown, .noSpace, .capacity]
}

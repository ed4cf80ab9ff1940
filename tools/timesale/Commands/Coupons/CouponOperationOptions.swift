import ArgumentParser
import TimesaleClient

/// What makes a use or a restoring of a coupon repeatable.
struct CouponOperationOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Its own id, made for this user: the same one does it once. (default: drawn)", valueName: "uuid"),
        transform: { try Reading.id($0) })
    var operationId: CouponOperationID?

    @Option(
        help: ArgumentHelp(
            "Any text; the id is made of it. The same as an Idempotency-Key over HTTP.", valueName: "text"),
        transform: Reading.key)
    var key: String?

    func validate() throws {
        if operationId != nil, key != nil {
            throw ValidationError("--operation-id and --key both name the operation: give one")
        }
    }

    /// - Parameter path: of the HTTP API, which keeps keys apart that mean different things.
    func operation(for user: UserID, path: String) -> CouponOperationID {
        operationId ?? key.map { CouponOperationID(idempotencyKey: $0, for: user, scope: path) }
            ?? .mint(for: user)
    }
}

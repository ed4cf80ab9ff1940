import ArgumentParser
import TimesaleClient

/// What makes something that is done for a user repeatable.
struct IdOptions<ID: UserOperationID>: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Its id, made for this user: the same one does it once. (default: drawn)", valueName: "uuid"),
        transform: { try Reading.id($0) })
    var id: ID?

    @Option(
        help: ArgumentHelp(
            "Any text; the id is made of it. The same as an Idempotency-Key over HTTP.", valueName: "text"),
        transform: Reading.key)
    var key: String?

    var isGiven: Bool { id != nil || key != nil }

    func validate() throws {
        if id != nil, key != nil { throw ValidationError("--id and --key both name it: give one") }
    }

    /// - Parameter path: of the HTTP API, which keeps keys apart that mean different things.
    func id(for user: UserID, path: String) -> ID {
        id ?? key.map { ID(idempotencyKey: $0, for: user, scope: path) } ?? .mint(for: user)
    }
}

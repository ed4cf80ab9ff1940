import ArgumentParser
import TimesaleClient

/// What makes a change of the catalogue repeatable.
struct OperationOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp("Its id: the same one does it once. (default: drawn)", valueName: "uuid"),
        transform: Reading.operation)
    var operationId: OperationID?

    @Option(
        help: ArgumentHelp(
            "Any text; the id is made of it. The same as an Idempotency-Key over HTTP.", valueName: "text"),
        transform: Reading.key)
    var key: String?

    var isGiven: Bool { operationId != nil || key != nil }

    func validate() throws {
        if operationId != nil, key != nil {
            throw ValidationError("--operation-id and --key both name the operation: give one")
        }
    }

    /// - Parameter path: of the HTTP API, which keeps keys apart that mean different things.
    func operation(path: String) -> OperationID {
        operationId ?? key.map { OperationID(idempotencyKey: $0, scope: path) } ?? .mint()
    }
}

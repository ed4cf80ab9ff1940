import TimesaleClient

/// Why a command did not do what it was told, as a person reads it and as a script does.
package struct Failure: Error {
    var status: ExitStatus
    /// In capitals: the protocol's names, and for what happens on this side of the wire those of the help.
    var code: String
    /// A sentence without its end.
    package var message: String
    /// What to do now, a line each.
    var advice: [String] = []
    /// Whether the same may succeed later without anybody's doing.
    var isRetryable = false
    /// What it is about, where that is one thing with an id.
    var about: UnknownOutcome.Subject?
    /// The part of a checkout that was refused.
    var failedAt: CheckoutPart?
    /// What it is about for people, where a command names several things.
    var subject: String?
    /// The command that asks again, with the same id.
    var again: String?
    /// The oldest position from which all events are there.
    var oldestPosition: String?
    /// The signal that ended the run.
    var signal: Int32?

    init(_ status: ExitStatus, code: String, _ message: String, advice: [String] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.advice = advice
    }

    var exitCode: Int32 { signal.map { 128 + $0 } ?? status.rawValue }

    /// With `--json` on standard output, where the answer would be; else on standard error.
    func report(isJSON: Bool) {
        if isJSON {
            Descriptor.output.write(json.text + "\n")
        } else {
            Descriptor.errors.write(text)
        }
    }

    var text: String {
        var lines = ["timesale: \(subject.map { "\($0): " } ?? "")\(message) (\(code))"]
        if let again { lines += ["Ask again with the same id, which does nothing twice:", "  \(again)"] }
        return (lines + advice).joined(separator: "\n") + "\n"
    }

    var json: JSON {
        var fields: [(String, JSON)] = [
            ("code", .string(code)), ("message", .string(message)), ("retryable", .bool(isRetryable)),
        ]
        if let failedAt { fields.append(("failedAt", .string(failedAt.path))) }
        if let about { fields.append(about.json) }
        if let oldestPosition { fields.append(("oldest", .string(oldestPosition))) }
        if let again { fields.append(("again", .string(again))) }
        return .object(fields)
    }

    static func usage(_ message: String) -> Failure { Failure(.usage, code: "USAGE", message) }

    static func denied(_ message: String) -> Failure { Failure(.denied, code: "UNAUTHENTICATED", message) }
}

extension UnknownOutcome.Subject {
    /// The id under the name that it has in answers.
    fileprivate var json: (String, JSON) {
        switch self {
        case .order(let id): ("orderId", .string("\(id)"))
        case .transaction(let id): ("transactionId", .string("\(id)"))
        case .coupon(let id): ("couponId", .string("\(id)"))
        case .couponOperation(let id): ("operationId", .string("\(id)"))
        case .checkout(let id): ("checkoutId", .string("\(id)"))
        case .operation(let id): ("operationId", .string("\(id)"))
        }
    }
}

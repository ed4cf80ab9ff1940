import TimesaleClient

/// A refusal on its way to the caller: `application/problem+json` (RFC 9457).
struct Problem: Error, Sendable {
    var code: ProblemCode
    /// A sentence for who reads the answer; nil if the title says it all.
    var detail: String?
    /// Further members whose values are texts: `field`, `failedAt`, and the ids of what may have been done.
    var members: [(name: StaticString, value: String)] = []
    /// The seconds of `Retry-After` if they are not those of the table.
    var retryAfterSeconds: Int?
    /// Of OUTCOME_UNKNOWN: whether it is safe to send the request again.
    var isRetryable: Bool
    /// Methods for the header `Allow`.
    var allow: [String] = []
    /// The scope that is missing, for `WWW-Authenticate`.
    var scope: Scope?

    init(_ code: ProblemCode, _ detail: String? = nil) {
        self.code = code
        self.detail = detail
        isRetryable = code.row.retryAfterSeconds != nil
    }

    static func invalid(_ field: String, _ fault: String) -> Problem {
        var problem = Problem(.invalid, "\(field): \(fault)")
        problem.members.append(("field", field))
        return problem
    }

    static func unknownField(_ field: String, of known: String) -> Problem {
        let shown = String(field.prefix(64))
        var problem = Problem(.unknownField, "\(shown.debugDescription) is no field here; there are: \(known)")
        problem.members.append(("field", shown))
        return problem
    }

    static func tooLarge(_ bodyMax: Int) -> Problem {
        Problem(.tooLarge, "a body here has at most \(bodyMax) bytes")
    }

    static let noSuchPath = Problem(.notFound, "there is nothing at this path; GET /openapi.json has all paths")

    /// The seconds of the header `Retry-After`.
    var retryAfter: Int? { isRetryable ? retryAfterSeconds ?? code.row.retryAfterSeconds : nil }

    /// The body of the answer.
    func write(to json: inout JSONWriter) {
        let row = code.row
        json.begin()
        json.key("type")
        json.text(code.type)
        json.key("title")
        json.text(row.title)
        json.key("status")
        json.number(UInt64(row.status))
        if let detail {
            json.key("detail")
            json.text(detail)
        }
        writeMembers(to: &json)
        json.end()
    }

    /// As the result of an entry of a batch: what of it a program reads.
    func writeResult(to json: inout JSONWriter, user: UserID? = nil) {
        json.begin()
        if let user {
            json.key("userId")
            json.user(user)
        }
        json.key("status")
        json.number(UInt64(code.status))
        writeMembers(to: &json)
        json.end()
    }

    private func writeMembers(to json: inout JSONWriter) {
        json.key("code")
        json.text(code.name)
        json.key("retryable")
        json.flag(isRetryable)
        for member in members {
            json.key(member.name)
            json.text(member.value)
        }
    }
}

/// Who may ask. Each scope includes those before it.
enum Scope: String, Comparable, Sendable {
    /// Everybody: health, the OpenAPI document.
    case none
    case shop
    case admin

    private var rank: Int { self == .none ? 0 : self == .shop ? 1 : 2 }
    static func < (left: Scope, right: Scope) -> Bool { left.rank < right.rank }
}

/// One operation of the API. The server, the OpenAPI document and the tests go by the same table of these.
struct Route: Sendable {
    typealias Handler = @Sendable (Call) async throws(Problem) -> Reply

    let method: Method
    /// Such as `/v1/timesales/{id}/orders`.
    let path: String
    let about: String
    var scope: Scope = .shop
    /// What stands in the query.
    var query = Fields("None")
    /// What stands in the body; nil where there is none.
    var body: Fields?
    /// In bytes.
    var bodyMax = Route.ordinaryBodyMax
    /// Of an answer that is no problem.
    var status = 200
    /// Of the answer's body.
    var answer: Shape
    /// Problems besides those of any operation (`ProblemCode.ofAnyOperation`).
    var problems: [ProblemCode] = []
    /// The answer says by a tag (`ETag`) which version it is; who has that one already gets 304.
    var hasTag = false
    /// A stream has no end of its own: it does not count as a request under way.
    var isStream = false
    /// Whether the number of requests at a time is bounded; health is asked for also when nothing else is done.
    var isBounded = true
    /// Whether it is refused while the engine is away.
    var needsEngine = true
    let handler: Handler

    static let ordinaryBodyMax = 64 << 10
    static let batchBodyMax = 4 << 20

    /// Whether it changes something: then it takes an Idempotency-Key.
    var isChange: Bool { method == .post }

    /// Everything that it may answer with besides its success.
    var allProblems: [ProblemCode] {
        ProblemCode.ofAnyOperation + (isChange ? ProblemCode.ofAnyChange : []) + problems
    }

    /// Of `{...}` in the path, in order.
    var parameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}

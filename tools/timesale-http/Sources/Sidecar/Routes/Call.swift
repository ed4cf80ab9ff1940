import TimesaleClient

/// A request on its way through: what its handler needs of it.
struct Call: Sendable {
    let services: Services
    let lane: Lane
    /// What stands where the path has parameters.
    let arguments: [Substring]
    let query: Values
    let body: Values
    /// Nil without one.
    let idempotencyKey: String?
    /// Nil while no rate is limited.
    let verdicts: RequestLimits.Verdicts?

    /// Counts the request for its user; refuses it beyond the rate.
    func limit(_ user: UserID) throws(Problem) { try services.limits.user(user, verdicts) }

    /// Asks the engine, and turns its errors into problems.
    func engine<Value: Sendable>(
        _ ask: (TimesaleClient) async throws(TimesaleError) -> Value
    ) async throws(Problem) -> Value {
        do throws(TimesaleError) {
            let value = try await ask(lane.client)
            services.breaker.succeeded()
            return value
        } catch {
            services.breaker.failed(error)
            throw Problem(error, hasKey: idempotencyKey != nil)
        }
    }

    // MARK: What the path names

    /// A sale or policy. What is no id names nothing.
    func offer(_ index: Int = 0) throws(Problem) -> UInt64 {
        guard let number = Scalar.decimal(String(arguments[index])), number > 0 else { throw Problem(.notFound) }
        return number
    }

    func operation<ID: UserOperationID>(_ index: Int = 0) throws(Problem) -> ID {
        guard let id = ID(String(arguments[index])) else { throw Problem(.notFound) }
        return id
    }

    func user(_ index: Int = 0) throws(Problem) -> UserID {
        guard let user = Scalar.user(String(arguments[index])) else {
            throw .invalid("userId", "must be a number from 1 to 2^64 - 1, or a UUID with a high half not zero")
        }
        return user
    }

    // MARK: Lists

    static let limitField = 0
    static let cursorField = 1

    /// The fields of a list's query; further ones follow these.
    static let limit = Field("limit", .integer(1...100), "The most items to give; 20 unless it is given.")
    static let cursor = Field(
        "cursor", .text(1...64), "`nextCursor` of the page before; without it the list begins.")

    var limit: Int { Int(query.number(Call.limitField, else: 20)) }

    /// The place to go on from; nil at the beginning.
    func cursor<ID: LosslessStringConvertible>() throws(Problem) -> ID? {
        guard let text = query.text(Call.cursorField) else { return nil }
        guard let id = ID(text) else { throw .invalid("cursor", "must be the nextCursor of a page") }
        return id
    }

    /// A page of the engine, whose "not found" is about the cursor.
    func page<Value: Sendable>(
        _ ask: (TimesaleClient) async throws(TimesaleError) -> Value
    ) async throws(Problem) -> Value {
        do throws(Problem) {
            return try await engine(ask)
        } catch {
            guard error.code == .notFound || error.code == .notOwner else { throw error }
            throw .invalid("cursor", "must be the nextCursor of a page")
        }
    }
}

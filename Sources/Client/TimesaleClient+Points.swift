internal import Protocol

// Points. Every method may throw the errors that `TimesaleClient+Orders.swift` names for all.
extension TimesaleClient {
    /// Credits a user with points: a lot of its own, that uses take from. Durable when it returns.
    ///
    /// Give an `id` that you keep wherever an outcome may have to be settled later; without one the id is minted
    /// here, and an unknown outcome tells it.
    ///
    /// - Parameters:
    ///   - amount: 1 ... 1,000,000,000.
    ///   - expiresAtMs: ms since 1970, later than now; nil: never.
    ///   - reason: at most 31 bytes of UTF-8 without control characters.
    ///   - id: of this user; the same id with the same content is the same earning, however often it is sent.
    ///   - timeoutMs: from here to the result, retries included; nil for the configuration's.
    /// - Throws: `refused` with `expired` (the expiry is not later than now), `invalidAmount`, `cancelled` (its cancel
    ///   came first), `capacity` (also for a user with 1,024 lots that have points left), `noSpace`, `invalid`, or for
    ///   its id `wrongPartition`, `idReused`, `idTooOld`, `idInFuture`; `invalidArgument(.reason)`.
    @discardableResult
    nonisolated(nonsending) public func earnPoints(
        _ amount: UInt32, user: UserID, expiresAtMs: UInt64? = nil, reason: String = "",
        id: TransactionID? = nil,
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> PointTransaction {
        let request = EarnRequest(
            user: user, amount: amount, expiresAtMs: expiresAtMs, reason: reason, id: id)
        guard let entry = request.entry else { throw .invalidArgument(.reason) }
        let queue = queues.points.earn[queues.owner(of: Partition.of(user: user.wire))]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Many earnings at once, of one user or of thousands: a campaign. Each is decided for itself, the results stand
    /// in the order of the requests; any number may be given, and they leave in frames of at most `batchCountMax`.
    nonisolated(nonsending) public func earnPoints(
        _ requests: [EarnRequest], timeoutMs: UInt32? = nil
    ) async -> [Result<PointTransaction, TimesaleError>] {
        let entries = requests.map(\.entry)
        let sendable = entries.indices.filter { entries[$0] != nil }
        let answers = await queues.callEach(
            queues.points.earn, entries.compactMap { $0 }, partition: { Partition.of(user: $0.userId) },
            timeoutNs: timeoutNs(timeoutMs))
        var results: [Result<PointTransaction, TimesaleError>] = Array(
            repeating: .failure(.invalidArgument(.reason)), count: requests.count)
        for (index, answer) in zip(sendable, answers) { results[index] = answer }
        return results
    }

    /// Takes points from a user: all of the amount, from the lots that expire first. Durable when it returns.
    ///
    /// - Parameters:
    ///   - amount: 1 ... 1,000,000,000.
    ///   - reason: at most 31 bytes of UTF-8 without control characters.
    ///   - id: as with `earnPoints`.
    /// - Throws: `refused` with `insufficientPoints`, else as `earnPoints`.
    @discardableResult
    nonisolated(nonsending) public func usePoints(
        _ amount: UInt32, user: UserID, reason: String = "", id: TransactionID? = nil,
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> PointTransaction {
        guard let reason = Reason(reason), reason.isValid else { throw .invalidArgument(.reason) }
        let id = id ?? .mint(for: user)
        let entry = UsePointsEntry(transactionId: id.wire, userId: user.wire, amount: amount, reason: reason)
        let queue = queues.points.use[queues.owner(of: Partition.of(user: user.wire))]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Cancels a use, whose points go back to the lots they came from (and expire with them), or an earning of which
    /// nothing is spent. Cancelling again is a repeat. A transaction that the server does not know is refused from now
    /// on, should it still arrive: so this is how to give up on an unknown outcome.
    ///
    /// - Throws: `refused` with `alreadySpent`, `capacity` (no more cancels of unknown transactions can be remembered),
    ///   `partOfCheckout`.
    @discardableResult
    nonisolated(nonsending) public func cancelTransaction(
        _ id: TransactionID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> TransactionCancellation {
        let queue = queues.points.cancel[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(
            queue, TransactionIdEntry(transactionId: id.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    /// The transaction as it is now.
    ///
    /// - Throws: `refused` with `notFound`, or `cancelled` if only its cancel is known.
    nonisolated(nonsending) public func transaction(
        _ id: TransactionID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> PointTransaction {
        let queue = queues.points.get[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(
            queue, TransactionIdEntry(transactionId: id.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    /// A user's points, and which of them expire next. A user whom the server has never seen has none.
    nonisolated(nonsending) public func points(
        of user: UserID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> PointBalance {
        let queue = queues.points.balance[queues.owner(of: Partition.of(user: user.wire))]
        return try await queues.call(queue, UserEntry(userId: user.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    /// A page of a user's transactions, newest first. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    /// - Throws: `refused` with `notFound` if `after` is no transaction of this user.
    nonisolated(nonsending) public func transactions(
        of user: UserID, after: TransactionID? = nil, limit: Int = 100, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> TransactionPage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        let queue = queues.points.list[queues.owner(of: Partition.of(user: user.wire))]
        let entry = ListUserOrdersEntry(userId: user.wire, after: after?.wire ?? .zero, limit: UInt16(limit))
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// All transactions of a user, newest first, fetched page by page as they are iterated.
    public func allTransactions(of user: UserID, pageLimit: Int = 100) -> Pages<PointTransaction> {
        Pages { (after: TransactionID?) async throws(TimesaleError) in
            let page = try await self.transactions(of: user, after: after, limit: pageLimit)
            return (page.transactions, page.next)
        }
    }
}

extension EarnRequest {
    /// Nil if the reason cannot be sent.
    var entry: EarnEntry? {
        guard let reason = Reason(reason), reason.isValid else { return nil }
        return EarnEntry(
            transactionId: id.wire, userId: user.wire, expiresAtMs: expiresAtMs ?? 0, amount: amount,
            reason: reason)
    }
}

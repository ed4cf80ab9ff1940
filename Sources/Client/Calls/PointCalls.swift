// The calls on points: what each writes into a frame, and what its answer means.

internal import Protocol

enum EarnPoints: WireCall {
    static let operation = Operation.earnPoints

    static func answer(_ entry: EarnEntry, _ reply: Reply, _ index: Int) -> PointTransaction? {
        PointTransaction(
            reply, index, id: entry.transactionId, user: entry.userId, kind: .earning, reason: entry.reason)
    }

    static func unknown(_ entry: EarnEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .transaction(TransactionID(wire: entry.transactionId)))
    }
}

enum UsePoints: WireCall {
    static let operation = Operation.usePoints

    static func answer(_ entry: UsePointsEntry, _ reply: Reply, _ index: Int) -> PointTransaction? {
        PointTransaction(
            reply, index, id: entry.transactionId, user: entry.userId, kind: .use, reason: entry.reason)
    }

    static func unknown(_ entry: UsePointsEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .transaction(TransactionID(wire: entry.transactionId)))
    }
}

enum CancelTransaction: WireCall {
    static let operation = Operation.cancelTransaction

    static func answer(_ entry: TransactionIdEntry, _ reply: Reply, _ index: Int) -> TransactionCancellation?
    {
        let result = TransactionViewResult(reply.body + index * TransactionViewResult.sizeBytes)
        if result.flags & ResultFlags.tombstone != 0 {
            return .beforeTransaction(TransactionID(wire: entry.transactionId))
        }
        return PointTransaction(result).map { .transaction($0) }
    }

    static func unknown(_ entry: TransactionIdEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .transaction(TransactionID(wire: entry.transactionId)))
    }
}

enum GetTransaction: WireCall {
    static let operation = Operation.getTransaction
    static let changes = false

    static func answer(_ entry: TransactionIdEntry, _ reply: Reply, _ index: Int) -> PointTransaction? {
        PointTransaction(TransactionViewResult(reply.body + index * TransactionViewResult.sizeBytes))
    }
}

enum GetBalance: WireCall {
    static let operation = Operation.getBalance
    static let changes = false

    static func answer(_ entry: UserEntry, _ reply: Reply, _ index: Int) -> PointBalance? {
        let result = BalanceResult(reply.body + index * BalanceResult.sizeBytes)
        return PointBalance(
            points: result.balance, lots: Int(result.lots),
            nextExpiry: result.nextExpiryMs == 0
                ? nil : .init(amount: result.nextExpiryAmount, atMs: result.nextExpiryMs))
    }
}

enum ListTransactions: WireCall {
    static let operation = Operation.listTransactions
    static let changes = false

    static func answer(_ entry: ListUserOrdersEntry, _ reply: Reply, _ index: Int) -> TransactionPage? {
        let transactions = (0..<reply.header.count).compactMap {
            PointTransaction(TransactionViewResult(reply.body + $0 * TransactionViewResult.sizeBytes))
        }
        guard transactions.count == reply.header.count else { return nil }
        return TransactionPage(transactions: transactions, next: reply.hasMore ? transactions.last?.id : nil)
    }
}

extension PointTransaction {
    /// From the decision on an earning or a use; nil if it makes no sense.
    init?(_ reply: Reply, _ index: Int, id: Id128, user: Id128, kind: TransactionKind, reason: Reason) {
        let result = PointResult(reply.body + index * PointResult.sizeBytes)
        guard let state = TransactionState(rawValue: result.state) else { return nil }
        self.init(
            id: TransactionID(wire: id), user: UserID(wire: user), kind: kind, amount: result.amount,
            state: state,
            remaining: nil, reason: reason.text, createdAtMs: result.createdAtMs,
            expiresAtMs: result.expiresAtMs == 0 ? nil : result.expiresAtMs, balance: result.balance,
            isRepeat: result.flags & ResultFlags.repeat != 0,
            isPartOfCheckout: result.flags & ResultFlags.ofCheckout != 0)
    }

    /// Nil if it makes no sense.
    init?(_ result: TransactionViewResult) {
        guard let state = TransactionState(rawValue: result.state),
            let kind = TransactionKind(rawValue: result.kind)
        else { return nil }
        self.init(
            id: TransactionID(wire: result.transactionId), user: UserID(wire: result.userId), kind: kind,
            amount: result.amount, state: state, remaining: kind == .earning ? result.remaining : nil,
            reason: result.reason.text, createdAtMs: result.createdAtMs,
            expiresAtMs: result.expiresAtMs == 0 ? nil : result.expiresAtMs, balance: result.balance,
            isRepeat: result.flags & ResultFlags.repeat != 0,
            isPartOfCheckout: result.flags & ResultFlags.ofCheckout != 0)
    }
}

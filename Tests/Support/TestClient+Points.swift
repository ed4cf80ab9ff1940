import Protocol

// The operations on points with their types.
extension TestClient {
    public func earn(_ entries: [EarnEntry]) throws(ClientFault) -> [PointResult] {
        try call(.earnPoints, entries)
    }

    public func earn(
        _ id: Id128, user: Id128, _ amount: UInt32, expiresAtMs: UInt64 = 0, reason: Reason = Reason()
    ) throws(ClientFault) -> PointResult {
        try one(
            .earnPoints,
            EarnEntry(
                transactionId: id, userId: user, expiresAtMs: expiresAtMs, amount: amount, reason: reason))
    }

    public func use(
        _ id: Id128, user: Id128, _ amount: UInt32, reason: Reason = Reason()
    ) throws(ClientFault) -> PointResult {
        try one(.usePoints, UsePointsEntry(transactionId: id, userId: user, amount: amount, reason: reason))
    }

    public func cancelTransaction(_ id: Id128) throws(ClientFault) -> TransactionViewResult {
        try one(.cancelTransaction, TransactionIdEntry(transactionId: id))
    }

    public func getTransaction(_ id: Id128) throws(ClientFault) -> TransactionViewResult {
        try one(.getTransaction, TransactionIdEntry(transactionId: id))
    }

    public func getBalance(_ user: Id128) throws(ClientFault) -> BalanceResult {
        try one(.getBalance, UserEntry(userId: user))
    }

    public func listTransactions(
        _ user: Id128, after: Id128 = .zero, limit: UInt16 = 1000
    ) throws(ClientFault) -> Page<TransactionViewResult> {
        try page(.listTransactions, ListUserOrdersEntry(userId: user, after: after, limit: limit))
    }
}

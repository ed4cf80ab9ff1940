import Protocol

@testable import Engine

extension Cluster {
    func earn(
        _ user: Id128, _ amount: UInt32, expiresAtMs: UInt64 = 0, reason: Reason = Reason(), id: Id128? = nil
    ) -> Reply<PointResult> {
        earn(
            EarnEntry(
                transactionId: id ?? mint(user), userId: user, expiresAtMs: expiresAtMs, amount: amount,
                reason: reason))
    }

    func earn(_ entry: EarnEntry) -> Reply<PointResult> {
        let bytes = encode(EarnEntry.sizeBytes) { entry.store(to: $0) }
        let (results, waitLsn) = run(.earnPoints, on: shard(ofId: entry.transactionId), bytes)
        return Reply(results.withUnsafeBytes { PointResult($0.baseAddress!) }, waitLsn)
    }

    func use(_ user: Id128, _ amount: UInt32, reason: Reason = Reason(), id: Id128? = nil) -> Reply<PointResult> {
        use(UsePointsEntry(transactionId: id ?? mint(user), userId: user, amount: amount, reason: reason))
    }

    func use(_ entry: UsePointsEntry) -> Reply<PointResult> {
        let bytes = encode(UsePointsEntry.sizeBytes) { entry.store(to: $0) }
        let (results, waitLsn) = run(.usePoints, on: shard(ofId: entry.transactionId), bytes)
        return Reply(results.withUnsafeBytes { PointResult($0.baseAddress!) }, waitLsn)
    }

    func cancelTransaction(_ id: Id128) -> Reply<TransactionViewResult> { transaction(.cancelTransaction, id) }
    func getTransaction(_ id: Id128) -> Reply<TransactionViewResult> { transaction(.getTransaction, id) }

    private func transaction(_ operation: Operation, _ id: Id128) -> Reply<TransactionViewResult> {
        let bytes = encode(TransactionIdEntry.sizeBytes) { TransactionIdEntry(transactionId: id).store(to: $0) }
        let (results, waitLsn) = run(operation, on: shard(ofId: id), bytes)
        return Reply(results.withUnsafeBytes { TransactionViewResult($0.baseAddress!) }, waitLsn)
    }

    func balance(_ user: Id128) -> BalanceResult {
        let bytes = encode(UserEntry.sizeBytes) { UserEntry(userId: user).store(to: $0) }
        return withUnsafeTemporaryAllocation(byteCount: BalanceResult.sizeBytes, alignment: 8) { result in
            _ = engines[shard(of: user)].getBalance(bytes, result: result.baseAddress!, nowMs: nowMs)
            return BalanceResult(UnsafeRawPointer(result.baseAddress!))
        }
    }

    /// All of a user's transactions, newest first, fetched in pages.
    func history(_ user: Id128, page limit: UInt16 = 1000) -> [TransactionViewResult] {
        var found: [TransactionViewResult] = []
        while true {
            let entry = ListUserOrdersEntry(userId: user, after: found.last?.transactionId ?? .zero, limit: limit)
            let bytes = encode(ListUserOrdersEntry.sizeBytes) { entry.store(to: $0) }
            let sizeBytes = Int(limit) * TransactionViewResult.sizeBytes
            let more = withUnsafeTemporaryAllocation(byteCount: sizeBytes, alignment: 8) { results in
                let page = engines[shard(of: user)].listTransactions(
                    bytes, results: results.baseAddress!, limit: Int(limit), nowMs: nowMs)
                precondition(page.code == .ok)
                for index in 0..<page.count {
                    found.append(TransactionViewResult(results.baseAddress! + index * TransactionViewResult.sizeBytes))
                }
                return page.more
            }
            if !more { return found }
        }
    }
}

import Protocol

// Questions about one user, and lists of the catalogue: each is one entry, and most are answered with a page.

/// Results that have been written one behind the other.
public struct Page: Sendable {
    public var code: ResultCode
    /// How many there are.
    public var count: Int
    /// Whether there are others behind the last one.
    public var more: Bool
    /// What the reply waits for; 0: nothing.
    public var waitLsn: UInt64

    init(_ code: ResultCode, count: Int = 0, more: Bool = false, waitLsn: UInt64 = 0) {
        self.code = code
        self.count = count
        self.more = more
        self.waitLsn = waitLsn
    }
}

extension Engine {
    /// Answers an operation of the owner `user`, or a list of the catalogue.
    public mutating func answer(
        _ operation: Operation, _ entry: UnsafeRawPointer, results: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Page {
        let limit = Frame.pageCountMax
        switch operation {
        case .listUserOrders: return listUserOrders(entry, results: results, limit: limit)
        case .listTransactions: return listTransactions(entry, results: results, limit: limit, nowMs: nowMs)
        case .getBalance:
            return Page(.ok, count: 1, waitLsn: getBalance(entry, result: results, nowMs: nowMs).waitLsn)
        case .listSales, .listPolicies:
            return listOffers(operation.offerKind, entry, results: results, limit: limit, nowMs: nowMs)
        case .listUserCoupons: return listUserCoupons(entry, results: results, limit: limit, nowMs: nowMs)
        default: preconditionFailure("not a question about a user or the catalogue")
        }
    }
}

import Protocol

@testable import Engine

// Policies of coupons, as the tests of the engine ask for them.

extension Cluster {
    func create(_ entry: CreatePolicyEntry) -> Reply<PolicyResult> {
        catalogue(.createPolicy, PolicyResult.init) { entry.store(to: $0) }
    }

    func restockPolicy(_ policy: UInt64, _ quantity: UInt64, id: Id128? = nil) -> Reply<PolicyResult> {
        let entry = RestockEntry(operationId: id ?? mintForCatalogue(), offerId: policy, quantity: quantity)
        return catalogue(.restockPolicy, PolicyResult.init) { entry.store(to: $0) }
    }

    func closePolicy(_ policy: UInt64) -> Reply<PolicyResult> {
        catalogue(.closePolicy, PolicyResult.init) { OfferIdEntry(offerId: policy).store(to: $0) }
    }

    func policy(_ policy: UInt64) -> Reply<PolicyResult> {
        catalogue(.getPolicy, PolicyResult.init) { OfferIdEntry(offerId: policy).store(to: $0) }
    }

    /// All policies in some of the states, fetched in pages.
    func listPolicies(stateMask: UInt8 = 0, page limit: UInt16 = 1000) -> [PolicyResult] {
        var found: [PolicyResult] = []
        while true {
            let entry = ListOffersEntry(after: found.last?.policyId ?? 0, limit: limit, stateMask: stateMask)
            let (page, results) = answer(.listPolicies, on: catalogueShard) { entry.store(to: $0) }
            precondition(page.code == .ok)
            found += results.map(PolicyResult.init)
            if !page.more { return found }
        }
    }

    /// A policy that the test takes for granted: for ever, one coupon for each user, 500 off.
    @discardableResult
    func offer(
        _ policy: UInt64, quantity: UInt64, limit: UInt32 = 1, fixed: UInt64? = 500, percent: UInt64 = 10,
        maxDiscount: UInt64 = 0, minPurchase: UInt64 = 0, validFromMs: UInt64 = 0, validUntilMs: UInt64 = 0
    ) -> CreatePolicyEntry {
        let entry = CreatePolicyEntry(
            operationId: mintForCatalogue(), policyId: policy, quantity: quantity, validFromMs: validFromMs,
            validUntilMs: validUntilMs, discountValue: fixed ?? percent, maxDiscount: maxDiscount,
            minPurchase: minPurchase, perUserLimit: limit,
            discountKind: fixed == nil ? DiscountKind.percent.rawValue : DiscountKind.fixed.rawValue,
            name: Name("a policy")!)
        let reply = create(entry)
        precondition(reply.result.code == .ok, "\(reply.result.code)")
        return entry
    }

    /// Asks a question that is answered with a page; gives its results one by one.
    func answer(_ operation: Operation, on shard: Int, _ store: (UnsafeMutableRawPointer) -> Void) -> (
        page: Page, results: [UnsafeRawPointer]
    ) {
        let results = pageMemory
        let page = engines[shard].answer(
            operation, encode(operation.entrySizeBytes, store), results: results, nowMs: nowMs)
        return (page, (0..<page.count).map { UnsafeRawPointer(results + $0 * operation.resultSizeBytes) })
    }
}

internal import Protocol

// Policies of coupons: they stand in the catalogue beside the sales. Creating, restocking and closing need a token with
// the scope admin (`forbidden` otherwise). Every method may throw the errors that `TimesaleClient+Orders.swift` names
// for all.
extension TimesaleClient {
    /// Puts a policy into the catalogue. When it returns, it is durable and every shard issues its coupons.
    ///
    /// - Parameter operation: the same one with the same content creates the policy once, however often it is sent.
    /// - Throws: `refused` with `alreadyExists` (the policy's id was ever taken, by another operation),
    ///   `invalidPercentage` (more than 100), `invalidAmount` (a discount of 0, an amount of 2^53 or more), `invalid`,
    ///   `idReused`, `capacity`; `invalidArgument(.name)`.
    @discardableResult
    nonisolated(nonsending) public func createPolicy(
        _ policy: NewPolicy, operation: OperationID = .mint(), timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Policy {
        guard let name = Name(policy.name), name.isValid else { throw .invalidArgument(.name) }
        let (kind, value): (DiscountKind, UInt64) =
            switch policy.discount {
            case .fixed(let amount): (.fixed, amount)
            case .percent(let percentage): (.percent, percentage)
            }
        let entry = CreatePolicyEntry(
            operationId: operation.wire, policyId: policy.id.rawValue, quantity: policy.quantity,
            validFromMs: policy.validFromMs ?? 0, validUntilMs: policy.validUntilMs ?? 0,
            discountValue: value,
            maxDiscount: policy.maxDiscount ?? 0, minPurchase: policy.minPurchase ?? 0,
            perUserLimit: policy.perUserLimit ?? 0, discountKind: kind.rawValue, name: name)
        return try await queues.call(queues.policies.create, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// The policy as it is now.
    ///
    /// - Throws: `refused` with `notFound`.
    nonisolated(nonsending) public func policy(
        _ id: PolicyID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Policy {
        try await queues.call(
            queues.policies.get, OfferIdEntry(offerId: id.rawValue), timeoutNs: timeoutNs(timeoutMs))
    }

    /// A page of policies in the order of their creation. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - states: only policies in one of these; empty for all.
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    /// - Throws: `refused` with `notFound` if `after` is no policy.
    nonisolated(nonsending) public func policies(
        _ states: Set<PolicyState> = [], after: PolicyID? = nil, limit: Int = 100, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> PolicyPage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        let entry = ListOffersEntry(
            after: after?.rawValue ?? 0, limit: UInt16(limit),
            stateMask: states.reduce(0) { $0 | 1 << $1.rawValue })
        return try await queues.call(queues.policies.list, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// All policies, fetched page by page as they are iterated.
    public func allPolicies(_ states: Set<PolicyState> = [], pageLimit: Int = 100) -> Pages<Policy> {
        Pages { (after: PolicyID?) async throws(TimesaleError) in
            let page = try await self.policies(states, after: after, limit: pageLimit)
            return (page.policies, page.next)
        }
    }

    /// Adds coupons to a policy; they can be issued when this returns.
    ///
    /// - Parameters:
    ///   - quantity: coupons, at least 1; the policy may grow to 2^40 in all.
    ///   - operation: the same one with the same content adds once, however often it is sent.
    /// - Throws: `refused` with `notFound`, `closed`, `invalid`, `idReused`.
    @discardableResult
    nonisolated(nonsending) public func restockPolicy(
        _ id: PolicyID, quantity: UInt64, operation: OperationID = .mint(), timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Policy {
        let entry = RestockEntry(operationId: operation.wire, offerId: id.rawValue, quantity: quantity)
        return try await queues.call(queues.policies.restock, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Ends issuing for good; coupons that have been issued stay usable. Closing a closed policy is a repeat.
    ///
    /// - Throws: `refused` with `notFound`.
    @discardableResult
    nonisolated(nonsending) public func closePolicy(
        _ id: PolicyID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Policy {
        try await queues.call(
            queues.policies.close, OfferIdEntry(offerId: id.rawValue), timeoutNs: timeoutNs(timeoutMs))
    }
}

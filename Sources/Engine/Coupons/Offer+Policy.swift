import Protocol

// Policies as offers of the catalogue: what creates one, and what shows one.

extension NewOffer {
    init(policy bytes: UnsafeRawPointer) {
        let entry = CreatePolicyEntry(bytes)
        let discountKind = DiscountKind(rawValue: entry.discountKind)
        var fault: ResultCode?
        if discountKind == nil || !CreatePolicyEntry.reservedIsZero(bytes) {
            fault = .invalid
        } else if discountKind == .percent && entry.discountValue > 100 {
            fault = .invalidPercentage
        } else if entry.discountValue == 0 || entry.discountValue >= Self.amountMax
            || entry.maxDiscount >= Self.amountMax || entry.minPurchase >= Self.amountMax
        {
            fault = .invalidAmount
        }
        self.init(
            operationId: entry.operationId,
            terms: OfferTerms(
                id: entry.policyId, startsAtMs: entry.validFromMs, endsAtMs: entry.validUntilMs,
                value: entry.discountValue, maxDiscount: entry.maxDiscount, minPurchase: entry.minPurchase,
                perUserLimit: entry.perUserLimit, kind: .policy, discountKind: discountKind ?? .fixed),
            stock: entry.quantity, name: entry.name, fault: fault)
    }
}

/// What shows a policy.
extension ShownOffer {
    /// Coupons that are issued and not used count as held, used ones as sold.
    var policy: PolicyResult {
        PolicyResult(
            code: .ok, state: state.rawValue, flags: flags, perUserLimit: terms.perUserLimit, policyId: terms.id,
            quantity: detail.stock, remaining: totals.available, issued: totals.held &+ totals.sold,
            used: totals.sold, validFromMs: terms.startsAtMs, validUntilMs: terms.endsAtMs,
            discountValue: terms.value, maxDiscount: terms.maxDiscount, minPurchase: terms.minPurchase,
            createdAtMs: detail.createdAtMs, discountKind: terms.discountKind.rawValue, name: detail.name)
    }
}

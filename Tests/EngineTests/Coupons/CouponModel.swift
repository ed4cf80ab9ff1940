import Protocol

/// What coupons should be, as plainly as it can be said.
struct CouponModel {
    struct Policy {
        var terms: CreatePolicyEntry
        var quantity: UInt64
        var isClosed = false
        var issued: UInt64 = 0
    }

    struct Coupon {
        var entry: IssueCouponEntry
        var issuedAtMs: UInt64
        /// The use in effect.
        var use: Id128?
    }

    struct Use {
        var entry: UseCouponEntry
        var discount: UInt64
        var timeMs: UInt64
    }

    var policies: [UInt64: Policy] = [:]
    /// In the order of their issue.
    private(set) var coupons: [Coupon] = []
    private(set) var uses: [Id128: Use] = [:]
    private(set) var restores: [Id128: RestoreCouponEntry] = [:]
    /// Uses that a checkout made: only it takes them back.
    private(set) var checkoutUses: Set<Id128> = []

    mutating func issue(_ entry: IssueCouponEntry, nowMs: UInt64) -> CouponResult {
        if let known = coupons.first(where: { $0.entry.couponId == entry.couponId }) {
            guard known.entry == entry else { return refused(.idReused) }
            return issued(known, flags: ResultFlags.repeat, nowMs: nowMs)
        }
        if isOperation(entry.couponId) { return refused(.idReused) }
        guard let policy = policies[entry.policyId] else { return refused(.notFound) }
        if policy.isClosed { return refused(.closed) }
        if policy.terms.validUntilMs != 0 && nowMs >= policy.terms.validUntilMs { return refused(.ended) }
        if nowMs < policy.terms.validFromMs { return refused(.notStarted) }
        let had = coupons.filter { $0.entry.userId == entry.userId && $0.entry.policyId == entry.policyId }.count
        if policy.terms.perUserLimit != 0 && had >= policy.terms.perUserLimit { return refused(.alreadyIssued) }
        if policy.issued == policy.quantity { return refused(.exhausted) }
        policies[entry.policyId]!.issued += 1
        coupons.append(Coupon(entry: entry, issuedAtMs: nowMs))
        return issued(coupons.last!, flags: 0, nowMs: nowMs)
    }

    mutating func use(_ entry: UseCouponEntry, nowMs: UInt64) -> CouponViewResult {
        if let known = uses[entry.useId] {
            guard known.entry == entry, !checkoutUses.contains(entry.useId) else {
                return refused(.idReused, entry.couponId)
            }
            let coupon = coupons.first { $0.entry.couponId == entry.couponId }!
            return shown(coupon, .ok, flags: ResultFlags.repeat, use: entry.useId, nowMs: nowMs)
        }
        if isKnown(entry.useId) { return refused(.idReused, entry.couponId) }
        let index: Int
        switch find(entry.couponId, entry.userId) {
        case .success(let found): index = found
        case .failure(let refusal): return refused(refusal.code, entry.couponId)
        }
        let terms = policies[coupons[index].entry.policyId]!.terms
        if coupons[index].use != nil { return shown(coupons[index], .alreadyUsed, nowMs: nowMs) }
        if terms.validUntilMs != 0 && nowMs >= terms.validUntilMs {
            return shown(coupons[index], .expired, nowMs: nowMs)
        }
        if entry.purchaseAmount < terms.minPurchase { return shown(coupons[index], .minPurchase, nowMs: nowMs) }
        let discount = Self.discount(terms, entry.purchaseAmount)
        uses[entry.useId] = Use(entry: entry, discount: discount, timeMs: nowMs)
        coupons[index].use = entry.useId
        return shown(coupons[index], .ok, nowMs: nowMs)
    }

    mutating func restore(_ entry: RestoreCouponEntry, nowMs: UInt64) -> CouponViewResult {
        if let known = restores[entry.restoreId] {
            guard known == entry else { return refused(.idReused, entry.couponId) }
            let coupon = coupons.first { $0.entry.couponId == entry.couponId }!
            return shown(coupon, .ok, flags: ResultFlags.repeat, nowMs: nowMs)
        }
        if isKnown(entry.restoreId) { return refused(.idReused, entry.couponId) }
        let index: Int
        switch find(entry.couponId, entry.userId) {
        case .success(let found): index = found
        case .failure(let refusal): return refused(refusal.code, entry.couponId)
        }
        guard let use = coupons[index].use else { return shown(coupons[index], .notUsed, nowMs: nowMs) }
        if checkoutUses.contains(use) { return shown(coupons[index], .partOfCheckout, nowMs: nowMs) }
        restores[entry.restoreId] = entry
        coupons[index].use = nil
        return shown(coupons[index], .ok, nowMs: nowMs)
    }

    /// Takes the use of a checkout back.
    mutating func endUse(_ id: Id128) { coupons[index(ofUse: id)].use = nil }

    /// Puts it into effect again, if the coupon can be used.
    mutating func useAgain(_ id: Id128, nowMs: UInt64) -> Bool {
        let index = index(ofUse: id)
        guard state(coupons[index], nowMs: nowMs) == .issued else { return false }
        coupons[index].use = id
        return true
    }

    private func index(ofUse id: Id128) -> Int {
        coupons.firstIndex { $0.entry.couponId == uses[id]!.entry.couponId }!
    }

    /// A use by a checkout.
    mutating func use(_ entry: UseCouponEntry, byCheckoutAt nowMs: UInt64) -> CouponViewResult {
        let answer = use(entry, nowMs: nowMs)
        if answer.code == .ok { checkoutUses.insert(entry.useId) }
        return answer
    }

    // MARK: What is shown

    func list(_ user: Id128, stateMask: UInt8, nowMs: UInt64) -> [CouponViewResult] {
        coupons.reversed().filter { $0.entry.userId == user }.map { shown($0, .ok, nowMs: nowMs) }.filter {
            stateMask == 0 || stateMask & (1 << $0.state) != 0
        }
    }

    func used(_ policy: UInt64) -> UInt64 {
        UInt64(coupons.filter { $0.entry.policyId == policy && $0.use != nil }.count)
    }

    private func state(_ coupon: Coupon, nowMs: UInt64) -> CouponState {
        if coupon.use != nil { return .used }
        let endsAtMs = policies[coupon.entry.policyId]!.terms.validUntilMs
        return endsAtMs != 0 && nowMs >= endsAtMs ? .expired : .issued
    }

    private func issued(_ coupon: Coupon, flags: UInt8, nowMs: UInt64) -> CouponResult {
        CouponResult(
            code: .ok, state: state(coupon, nowMs: nowMs).rawValue, flags: flags, issuedAtMs: coupon.issuedAtMs,
            expiresAtMs: policies[coupon.entry.policyId]!.terms.validUntilMs)
    }

    private func shown(
        _ coupon: Coupon, _ code: ResultCode, flags: UInt8 = 0, use: Id128? = nil, nowMs: UInt64
    ) -> CouponViewResult {
        let use = (use ?? coupon.use).map { uses[$0]! }
        return CouponViewResult(
            code: code, state: state(coupon, nowMs: nowMs).rawValue, flags: flags, couponId: coupon.entry.couponId,
            userId: coupon.entry.userId, policyId: coupon.entry.policyId, issuedAtMs: coupon.issuedAtMs,
            expiresAtMs: policies[coupon.entry.policyId]!.terms.validUntilMs, usedAtMs: use?.timeMs ?? 0,
            discount: use?.discount ?? 0, purchaseAmount: use?.entry.purchaseAmount ?? 0,
            orderId: use?.entry.orderId ?? .zero)
    }

    private func refused(_ code: ResultCode) -> CouponResult {
        CouponResult(code: code, state: 0, flags: 0, issuedAtMs: 0, expiresAtMs: 0)
    }

    private func refused(_ code: ResultCode, _ coupon: Id128) -> CouponViewResult {
        CouponViewResult(
            code: code, state: 0, flags: 0, couponId: coupon, userId: .zero, policyId: 0, issuedAtMs: 0,
            expiresAtMs: 0, usedAtMs: 0, discount: 0, purchaseAmount: 0, orderId: .zero)
    }

    // MARK: Rules

    private struct Refusal: Error {
        var code: ResultCode
    }

    private func find(_ coupon: Id128, _ user: Id128) -> Result<Int, Refusal> {
        guard coupon.carriedPartition == Partition.of(user: user) else { return .failure(Refusal(code: .notOwner)) }
        guard let index = coupons.firstIndex(where: { $0.entry.couponId == coupon }) else {
            return .failure(Refusal(code: .notFound))
        }
        return coupons[index].entry.userId == user ? .success(index) : .failure(Refusal(code: .notOwner))
    }

    private func isOperation(_ id: Id128) -> Bool { uses[id] != nil || restores[id] != nil }

    private func isKnown(_ id: Id128) -> Bool { isOperation(id) || coupons.contains { $0.entry.couponId == id } }

    private static func discount(_ terms: CreatePolicyEntry, _ amount: UInt64) -> UInt64 {
        var discount = terms.discountValue
        if terms.discountKind == DiscountKind.percent.rawValue {
            discount = amount * terms.discountValue / 100
        } else if amount != 0 {
            discount = min(discount, amount)
        }
        return terms.maxDiscount == 0 ? discount : min(discount, terms.maxDiscount)
    }
}

import Protocol

// Issuing, using and restoring coupons.
//
// A coupon is a unit of its policy: issuing one takes a unit as an order does, and it is never given back. Issued
// coupons count as held, used ones as sold. That one expires is no event: it follows from its policy and the time.

extension Engine {
    /// The most coupons of one user: a list walks along them.
    static let couponsPerUserMax: UInt32 = 10_000

    /// Decides on the issue of a coupon. Writes its result, or answers `needsUnits`.
    mutating func issueCoupon(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = IssueCouponEntry(bytes)
        guard !entry.userId.isZero else { return refuseIssue(.invalid, result) }
        guard entry.couponId.isOperationId else { return refuseIssue(.invalidId, result) }
        guard entry.couponId.carriedPartition == Partition.of(user: entry.userId) else {
            return refuseIssue(.wrongPartition, result)
        }
        let idHash = idHash(entry.couponId)
        if let known = find(entry.couponId, hash: idHash) { return repeatIssue(known, entry, result, nowMs: nowMs) }
        if let code = refusal(ofUnknown: entry.couponId, nowMs: nowMs) { return refuseIssue(code, result) }

        let policy = findOffer(.policy, entry.policyId)
        guard policy != 0 else { return refuseIssue(.notFound, result) }
        if let code = offers[policy].pointee.refusal(nowMs: nowMs) { return refuseIssue(code, result) }
        let userHash = userHash(entry.userId)
        let user = findUser(entry.userId, hash: userHash)
        if isBeyondLimit(user: user, userHash: userHash, offer: policy, units: 1) {
            return refuseIssue(.alreadyIssued, result, waitLsn: users[user].pointee.lastLsn)
        }
        if !hasLogSpace { return refuseIssue(.noSpace, result) }
        if couponCount(ofUser: user) >= Self.couponsPerUserMax {
            return refuseIssue(.capacity, result, waitLsn: users[user].pointee.lastLsn)
        }
        if coupons.isFull || (user == 0 && users.isFull) { return refuseIssue(.capacity, result) }

        prepared.kind = .issueCoupon
        prepared.sale = policy
        prepared.quantity = 1
        prepared.user = user
        prepared.idHash = idHash
        prepared.userHash = userHash
        prepared.id = entry.couponId
        prepared.userId = entry.userId
        return .units
    }

    /// After this point the coupon is issued: its unit is taken.
    mutating func applyPreparedIssue(result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let event = log(.couponIssued, timeMs: nowMs)
        event.storeId(prepared.id, EventField.id)
        event.storeId(prepared.userId, EventField.userId)
        event.storeLE(offers[prepared.sale].pointee.terms.id, EventField.couponPolicy)
        let slot = insertCoupon(
            id: prepared.id, idHash: prepared.idHash, userId: prepared.userId, userHash: prepared.userHash,
            user: prepared.user, policy: prepared.sale, issuedAtMs: nowMs, lsn: events.pointee.lastLsn)
        addLimit(user: coupons[slot].pointee.user, userHash: prepared.userHash, offer: prepared.sale, units: 1)
        statistics.couponsIssued &+= 1
        return answerIssue(slot, flags: 0, result, nowMs: nowMs)
    }

    mutating func useCoupon(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = UseCouponEntry(bytes)
        guard entry.purchaseAmount < NewOffer.amountMax else {
            return refuseCoupon(.invalidAmount, entry.couponId, result)
        }
        let request = CouponRequest(
            kind: .use, id: entry.useId, couponId: entry.couponId, userId: entry.userId, orderId: entry.orderId,
            purchaseAmount: entry.purchaseAmount)
        let idHash = idHash(request.id)
        let coupon: UInt32
        switch decide(request, idHash, result, nowMs: nowMs) {
        case .known(let slot): coupon = slot
        case .decided(let outcome): return outcome
        }
        let purchase = entry.purchaseAmount == 0 ? nil : entry.purchaseAmount
        if let code = refusal(ofCoupon: coupon, purchase: purchase, nowMs: nowMs) {
            return answerCoupon(coupon, code, result, nowMs: nowMs)
        }
        if !hasLogSpace { return refuseCoupon(.noSpace, entry.couponId, result) }
        if couponOperations.isFull { return refuseCoupon(.capacity, entry.couponId, result) }

        let discount = offers[coupons[coupon].pointee.policy].pointee.terms.discount(on: purchase)
        let event = log(.couponUsed, timeMs: nowMs)
        event.storeId(request.id, EventField.id)
        event.storeId(request.couponId, EventField.usedCoupon)
        event.storeId(request.orderId, EventField.couponOrder)
        event.storeLE(request.purchaseAmount, EventField.purchaseAmount)
        event.storeLE(discount, EventField.discount)
        let operation = insertCouponOperation(
            CouponOperationRecord(
                id: request.id, orderId: request.orderId, purchaseAmount: request.purchaseAmount, discount: discount,
                timeMs: nowMs, coupon: coupon, kind: .use), idHash: idHash, lsn: events.pointee.lastLsn)
        setUse(ofCoupon: coupon, operation)
        statistics.couponUses &+= 1
        return answerCoupon(coupon, .ok, result, nowMs: nowMs)
    }

    mutating func restoreCoupon(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = RestoreCouponEntry(bytes)
        let request = CouponRequest(
            kind: .restore, id: entry.restoreId, couponId: entry.couponId, userId: entry.userId)
        let idHash = idHash(request.id)
        let coupon: UInt32
        switch decide(request, idHash, result, nowMs: nowMs) {
        case .known(let slot): coupon = slot
        case .decided(let outcome): return outcome
        }
        let use = coupons[coupon].pointee.use
        if use == 0 { return answerCoupon(coupon, .notUsed, result, nowMs: nowMs) }
        if couponOperations[use].pointee.kind == .checkout {
            return answerCoupon(coupon, .partOfCheckout, result, nowMs: nowMs)
        }
        if !hasLogSpace { return refuseCoupon(.noSpace, entry.couponId, result) }
        if couponOperations.isFull { return refuseCoupon(.capacity, entry.couponId, result) }

        let event = log(.couponRestored, timeMs: nowMs)
        event.storeId(request.id, EventField.id)
        event.storeId(request.couponId, EventField.usedCoupon)
        _ = insertCouponOperation(
            CouponOperationRecord(id: request.id, timeMs: nowMs, coupon: coupon, kind: .restore), idHash: idHash,
            lsn: events.pointee.lastLsn)
        setUse(ofCoupon: coupon, 0)
        statistics.couponRestores &+= 1
        return answerCoupon(coupon, .ok, result, nowMs: nowMs)
    }

    // MARK: What using and restoring have in common

    private struct CouponRequest {
        var kind: CouponOperationRecord.Kind
        var id: Id128
        var couponId: Id128
        var userId: Id128
        var orderId = Id128.zero
        var purchaseAmount: UInt64 = 0
    }

    private enum CouponDecision {
        /// The operation is new, and the coupon is the user's.
        case known(UInt32)
        case decided(Outcome)
    }

    private mutating func decide(
        _ request: CouponRequest, _ idHash: UInt64, _ result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> CouponDecision {
        func refuse(_ code: ResultCode, waitLsn: UInt64 = 0) -> CouponDecision {
            .decided(refuseCoupon(code, request.couponId, result, waitLsn: waitLsn))
        }
        guard !request.userId.isZero else { return refuse(.invalid) }
        guard request.id.isOperationId, request.couponId.isOperationId else { return refuse(.invalidId) }
        let partition = Partition.of(user: request.userId)
        guard request.id.carriedPartition == partition else { return refuse(.wrongPartition) }
        if let known = find(request.id, hash: idHash) {
            if known.kind == .tombstone { return refuse(.cancelled, waitLsn: lastLsn(of: known)) }
            guard known.kind == .couponOperation, isSame(request, known.slot) else {
                return refuse(.idReused, waitLsn: lastLsn(of: known))
            }
            let coupon = couponOperations[known.slot].pointee.coupon
            return .decided(
                answerCoupon(
                    coupon, .ok, flags: ResultFlags.repeat, use: request.kind == .use ? known.slot : nil, result,
                    nowMs: nowMs))
        }
        if let code = refusal(ofUnknown: request.id, nowMs: nowMs) { return refuse(code) }
        // Another partition is another user's; whether there is such a coupon only its shard could tell.
        guard request.couponId.carriedPartition == partition else { return refuse(.notOwner) }
        guard let known = find(request.couponId, hash: self.idHash(request.couponId)) else { return refuse(.notFound) }
        guard known.kind == .coupon else { return refuse(.notFound, waitLsn: lastLsn(of: known)) }
        guard users[coupons[known.slot].pointee.user].pointee.id == request.userId else {
            return refuse(.notOwner, waitLsn: lastLsn(of: known))
        }
        return .known(known.slot)
    }

    private func isSame(_ request: CouponRequest, _ operation: UInt32) -> Bool {
        let record = couponOperations[operation]
        let coupon = coupons[record.pointee.coupon]
        return record.pointee.kind == request.kind && coupon.pointee.id == request.couponId
            && record.pointee.orderId == request.orderId && record.pointee.purchaseAmount == request.purchaseAmount
            && users[coupon.pointee.user].pointee.id == request.userId
    }

    /// Why a coupon cannot be used for a purchase, or nil if it can.
    func refusal(ofCoupon slot: UInt32, purchase amount: UInt64?, nowMs: UInt64) -> ResultCode? {
        switch state(ofCoupon: slot, nowMs: nowMs) {
        case .used: return .alreadyUsed
        case .expired: return .expired
        case .issued:
            let terms = offers[coupons[slot].pointee.policy].pointee.terms
            return terms.allows(purchase: amount) ? nil : .minPurchase
        }
    }

    private func repeatIssue(
        _ known: RecordHandle, _ entry: IssueCouponEntry, _ result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        if known.kind == .tombstone { return refuseIssue(.cancelled, result, waitLsn: lastLsn(of: known)) }
        guard known.kind == .coupon, users[coupons[known.slot].pointee.user].pointee.id == entry.userId,
            offers[coupons[known.slot].pointee.policy].pointee.terms.id == entry.policyId
        else { return refuseIssue(.idReused, result, waitLsn: lastLsn(of: known)) }
        return answerIssue(known.slot, flags: ResultFlags.repeat, result, nowMs: nowMs)
    }

    // MARK: State changes, shared with replay

    /// Enters a coupon into every table but that of limits.
    mutating func insertCoupon(
        id: Id128, idHash: UInt64, userId: Id128, userHash: UInt64, user knownUser: UInt32, policy: UInt32,
        issuedAtMs: UInt64, lsn: UInt64
    ) -> UInt32 {
        let user = knownUser != 0 ? knownUser : insertUser(userId, hash: userHash)
        let wallet = wallet(ofUser: user)
        let slot = coupons.allocate()
        coupons[slot].initialize(
            to: CouponRecord(
                id: id, issuedAtMs: issuedAtMs, user: user, policy: policy, older: wallet.pointee.newestCoupon))
        ids.insert(idHash, RecordHandle(.coupon, slot).rawValue)
        offers[policy].pointee.recordCount &+= 1
        wallet.pointee.newestCoupon = slot
        wallet.pointee.couponCount &+= 1
        users[user].pointee.lastLsn = lsn
        addHeld(policy, 1)
        return slot
    }

    /// Remembers a use or a restore; what it does to the coupon is `setUse`.
    mutating func insertCouponOperation(_ record: CouponOperationRecord, idHash: UInt64, lsn: UInt64) -> UInt32 {
        let slot = couponOperations.allocate()
        couponOperations[slot].initialize(to: record)
        coupons[record.coupon].pointee.operationCount += 1
        ids.insert(idHash, RecordHandle(.couponOperation, slot).rawValue)
        users[coupons[record.coupon].pointee.user].pointee.lastLsn = lsn
        return slot
    }

    /// Makes an unused coupon used by an operation, or (0) a used one unused.
    mutating func setUse(ofCoupon slot: UInt32, _ operation: UInt32) {
        let record = coupons[slot]
        precondition((record.pointee.use == 0) != (operation == 0), "a coupon is used once at a time")
        record.pointee.use = operation
        let used: Int64 = operation == 0 ? -1 : 1
        addHeld(record.pointee.policy, -used)
        addSold(record.pointee.policy, used)
    }
}

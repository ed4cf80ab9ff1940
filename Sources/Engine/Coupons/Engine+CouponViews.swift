import Protocol

// Reading coupons, and the answers that show one.

extension Engine {
    mutating func getCoupon(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let id = CouponIdEntry(bytes).couponId
        guard id.isOperationId else { return refuseCoupon(.invalidId, id, result) }
        guard let slot = couponSlot(id) else { return refuseCoupon(.notFound, id, result) }
        return answerCoupon(slot, .ok, result, nowMs: nowMs)
    }

    /// A page of a user's coupons, newest first.
    func listUserCoupons(
        _ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int, nowMs: UInt64
    ) -> Page {
        let entry = ListUserCouponsEntry(bytes)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListUserCouponsEntry.reservedIsZero(bytes),
            !entry.userId.isZero
        else {
            return Page(.invalid)
        }
        let user = findUser(entry.userId, hash: userHash(entry.userId))
        guard user != 0 else { return Page(entry.after.isZero ? .ok : .notFound) }
        let waitLsn = users[user].pointee.lastLsn
        let wallet = users[user].pointee.wallet
        var slot = wallet == 0 ? 0 : wallets[wallet].pointee.newestCoupon
        if !entry.after.isZero {
            guard let after = couponSlot(entry.after), coupons[after].pointee.user == user else {
                return Page(.notFound, waitLsn: waitLsn)
            }
            slot = coupons[after].pointee.older
        }
        var count = 0
        let most = min(limit, Int(entry.limit))
        while slot != 0 {
            let state = state(ofCoupon: slot, nowMs: nowMs)
            if entry.stateMask == 0 || entry.stateMask & (1 << state.rawValue) != 0 {
                if count == most { return Page(.ok, count: count, more: true, waitLsn: waitLsn) }
                _ = answerCoupon(slot, .ok, results + count * CouponViewResult.sizeBytes, nowMs: nowMs)
                count += 1
            }
            slot = coupons[slot].pointee.older
        }
        return Page(.ok, count: count, waitLsn: waitLsn)
    }

    /// The slot of a coupon; nil for an unknown id and for one that is no coupon's.
    func couponSlot(_ id: Id128) -> UInt32? {
        guard let known = find(id, hash: idHash(id)), known.kind == .coupon else { return nil }
        return known.slot
    }

    func couponCount(ofUser user: UInt32) -> UInt32 {
        guard user != 0, users[user].pointee.wallet != 0 else { return 0 }
        return wallets[users[user].pointee.wallet].pointee.couponCount
    }

    func state(ofCoupon slot: UInt32, nowMs: UInt64) -> CouponState {
        let coupon = coupons[slot]
        if coupon.pointee.use != 0 { return .used }
        let endsAtMs = offers[coupon.pointee.policy].pointee.terms.endsAtMs
        return endsAtMs != 0 && nowMs >= endsAtMs ? .expired : .issued
    }

    // MARK: Answers

    /// Shows an issue: the coupon's own state is that of now.
    func answerIssue(_ slot: UInt32, flags: UInt8, _ result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let coupon = coupons[slot]
        CouponResult(
            code: .ok, state: state(ofCoupon: slot, nowMs: nowMs).rawValue, flags: flags,
            issuedAtMs: coupon.pointee.issuedAtMs,
            expiresAtMs: offers[coupon.pointee.policy].pointee.terms.endsAtMs
        ).store(to: result)
        return Outcome(waitLsn: users[coupon.pointee.user].pointee.lastLsn)
    }

    /// Shows a coupon as it is now, with the use in effect or another one; the reply waits for its user's last event.
    func answerCoupon(
        _ slot: UInt32, _ code: ResultCode, flags: UInt8 = 0, use: UInt32? = nil, _ result: UnsafeMutableRawPointer,
        nowMs: UInt64
    ) -> Outcome {
        let coupon = coupons[slot]
        let user = users[coupon.pointee.user]
        let terms = offers[coupon.pointee.policy].pointee.terms
        var shown = CouponViewResult(
            code: code, state: state(ofCoupon: slot, nowMs: nowMs).rawValue, flags: flags,
            couponId: coupon.pointee.id, userId: user.pointee.id, policyId: terms.id,
            issuedAtMs: coupon.pointee.issuedAtMs, expiresAtMs: terms.endsAtMs, usedAtMs: 0, discount: 0,
            purchaseAmount: 0, orderId: .zero)
        let operation = use ?? coupon.pointee.use
        if operation != 0 {
            let record = couponOperations[operation]
            shown.usedAtMs = record.pointee.timeMs
            shown.discount = record.pointee.discount
            shown.purchaseAmount = record.pointee.purchaseAmount
            shown.orderId = record.pointee.orderId
        }
        shown.store(to: result)
        return Outcome(waitLsn: user.pointee.lastLsn)
    }

    func refuseIssue(_ code: ResultCode, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0) -> Outcome {
        CouponResult(code: code, state: 0, flags: 0, issuedAtMs: 0, expiresAtMs: 0).store(to: result)
        return Outcome(waitLsn: waitLsn)
    }

    func refuseCoupon(
        _ code: ResultCode, _ id: Id128, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0
    ) -> Outcome {
        CouponViewResult(
            code: code, state: 0, flags: 0, couponId: id, userId: .zero, policyId: 0, issuedAtMs: 0, expiresAtMs: 0,
            usedAtMs: 0, discount: 0, purchaseAmount: 0, orderId: .zero
        ).store(to: result)
        return Outcome(waitLsn: waitLsn)
    }
}

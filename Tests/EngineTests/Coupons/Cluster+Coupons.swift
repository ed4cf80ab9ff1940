import Protocol

@testable import Engine

// Coupons, as the tests of the engine ask for them.

extension Cluster {
    func issue(_ entry: IssueCouponEntry) -> Reply<CouponResult> {
        let bytes = encode(IssueCouponEntry.sizeBytes) { entry.store(to: $0) }
        let (results, waitLsn) = run(.issueCoupon, on: shard(ofId: entry.couponId), bytes)
        return Reply(results.withUnsafeBytes { CouponResult($0.baseAddress!) }, waitLsn)
    }

    func issue(_ user: Id128, _ policy: UInt64, id: Id128? = nil) -> Reply<CouponResult> {
        issue(IssueCouponEntry(couponId: id ?? mint(user), userId: user, policyId: policy))
    }

    /// Issues a coupon that the test takes for granted; answers its id.
    func claim(_ user: Id128, _ policy: UInt64) -> Id128 {
        let id = mint(user)
        let reply = issue(user, policy, id: id)
        precondition(reply.result.code == .ok, "\(reply.result.code)")
        return id
    }

    func use(_ entry: UseCouponEntry) -> Reply<CouponViewResult> {
        viewCoupon(.useCoupon, entry.useId) { entry.store(to: $0) }
    }

    func use(_ user: Id128, coupon: Id128, amount: UInt64 = 0, order: Id128 = .zero, id: Id128? = nil)
        -> Reply<CouponViewResult>
    {
        use(
            UseCouponEntry(
                useId: id ?? mint(user), couponId: coupon, userId: user, orderId: order, purchaseAmount: amount))
    }

    func restore(_ user: Id128, coupon: Id128, id: Id128? = nil) -> Reply<CouponViewResult> {
        let entry = RestoreCouponEntry(restoreId: id ?? mint(user), couponId: coupon, userId: user)
        return viewCoupon(.restoreCoupon, entry.restoreId) { entry.store(to: $0) }
    }

    func coupon(_ id: Id128) -> Reply<CouponViewResult> {
        viewCoupon(.getCoupon, id) { CouponIdEntry(couponId: id).store(to: $0) }
    }

    private func viewCoupon(
        _ operation: Operation, _ id: Id128, _ store: (UnsafeMutableRawPointer) -> Void
    ) -> Reply<CouponViewResult> {
        let (results, waitLsn) = run(operation, on: shard(ofId: id), encode(operation.entrySizeBytes, store))
        return Reply(results.withUnsafeBytes { CouponViewResult($0.baseAddress!) }, waitLsn)
    }

    func couponPage(_ entry: ListUserCouponsEntry) -> (page: Page, coupons: [CouponViewResult]) {
        let (page, results) = answer(.listUserCoupons, on: shard(of: entry.userId)) { entry.store(to: $0) }
        return (page, results.map(CouponViewResult.init))
    }

    /// All of a user's coupons in some of the states, newest first, fetched in pages.
    func coupons(of user: Id128, stateMask: UInt8 = 0, page limit: UInt16 = 1000) -> [CouponViewResult] {
        var found: [CouponViewResult] = []
        while true {
            let (page, coupons) = couponPage(
                ListUserCouponsEntry(
                    userId: user, after: found.last?.couponId ?? .zero, limit: limit, stateMask: stateMask))
            precondition(page.code == .ok)
            found += coupons
            if !page.more { return found }
        }
    }
}

internal import Protocol

// Coupons. Every method may throw the errors that `TimesaleClient+Orders.swift` names for all.
extension TimesaleClient {
    /// Issues a coupon of a policy to a user. Durable when it returns.
    ///
    /// Give an `id` that you keep wherever an outcome may have to be settled later; without one the id is minted
    /// here, and an unknown outcome tells it.
    ///
    /// - Parameters:
    ///   - id: of this user; the same id with the same content is the same coupon, however often it is sent.
    ///   - timeoutMs: from here to the result, retries included; nil for the configuration's.
    /// - Throws: `refused` with `exhausted`, `alreadyIssued` (the user has had as many as the policy gives to one),
    ///   `notStarted`, `ended`, `closed`, `notFound` (no such policy), `capacity`, `noSpace`, `invalid`, or for its id
    ///   `wrongPartition`, `idReused`, `idTooOld`, `idInFuture`.
    @discardableResult
    nonisolated(nonsending) public func issueCoupon(
        policy: PolicyID, user: UserID, id: CouponID? = nil, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Coupon {
        let entry = CouponRequest(policy: policy, user: user, id: id).entry
        let queue = queues.coupons.issue[queues.owner(of: Partition.of(user: user.wire))]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Many coupons at once, each decided for itself. The results stand in the order of the requests; any number may
    /// be given, and they leave in frames of at most `batchCountMax`.
    nonisolated(nonsending) public func issueCoupons(
        _ requests: [CouponRequest], timeoutMs: UInt32? = nil
    ) async -> [Result<Coupon, TimesaleError>] {
        await queues.callEach(
            queues.coupons.issue, requests.map(\.entry), partition: { Partition.of(user: $0.userId) },
            timeoutNs: timeoutNs(timeoutMs))
    }

    /// Uses a coupon for a purchase; the answer's `use` tells the discount.
    ///
    /// - Parameters:
    ///   - user: whose coupon it is.
    ///   - purchaseAmount: in the smallest unit of the currency, below 2^53; nil: not known, which a policy with a
    ///     minimum refuses, and of which no percentage can be taken.
    ///   - order: what the shop knows the purchase by; the server only keeps it.
    ///   - use: an id of this use, of the same user; the same one with the same content is the same use.
    /// - Throws: `refused` with `notFound`, `notOwner`, `alreadyUsed`, `expired`, `minPurchase`, `invalidAmount`,
    ///   `capacity`, `noSpace`, `invalid`, or for the id of the use as `issueCoupon`.
    @discardableResult
    nonisolated(nonsending) public func useCoupon(
        _ id: CouponID, user: UserID, purchaseAmount: UInt64? = nil, order: OrderID? = nil,
        use: CouponOperationID? = nil, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Coupon {
        let entry = UseCouponEntry(
            useId: (use ?? .mint(for: user)).wire, couponId: id.wire, userId: user.wire,
            orderId: order?.wire ?? .zero, purchaseAmount: purchaseAmount ?? 0)
        let queue = queues.coupons.use[queues.owner(of: entry.useId.carriedPartition)]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Makes a used coupon usable again: the purchase did not come about. It keeps its end.
    ///
    /// - Parameters:
    ///   - user: whose coupon it is.
    ///   - restore: an id of this restoring, of the same user; the same one with the same content is the same.
    /// - Throws: `refused` with `notFound`, `notOwner`, `notUsed`, `partOfCheckout`, `capacity`, `noSpace`, `invalid`,
    ///   or for the id of the restoring as `issueCoupon`.
    @discardableResult
    nonisolated(nonsending) public func restoreCoupon(
        _ id: CouponID, user: UserID, restore: CouponOperationID? = nil, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Coupon {
        let entry = RestoreCouponEntry(
            restoreId: (restore ?? .mint(for: user)).wire, couponId: id.wire, userId: user.wire)
        let queue = queues.coupons.restore[queues.owner(of: entry.restoreId.carriedPartition)]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// The coupon as it is now.
    ///
    /// - Throws: `refused` with `notFound`.
    nonisolated(nonsending) public func coupon(
        _ id: CouponID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Coupon {
        let queue = queues.coupons.get[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(queue, CouponIdEntry(couponId: id.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    /// A page of a user's coupons, newest first. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - states: only coupons in one of these; empty for all.
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    /// - Throws: `refused` with `notFound` if `after` is no coupon of this user.
    nonisolated(nonsending) public func coupons(
        of user: UserID, _ states: Set<CouponState> = [], after: CouponID? = nil, limit: Int = 100,
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> CouponPage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        let queue = queues.coupons.list[queues.owner(of: Partition.of(user: user.wire))]
        let entry = ListUserCouponsEntry(
            userId: user.wire, after: after?.wire ?? .zero, limit: UInt16(limit),
            stateMask: states.reduce(0) { $0 | 1 << $1.rawValue })
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// All coupons of a user, newest first, fetched page by page as they are iterated.
    public func allCoupons(
        of user: UserID, _ states: Set<CouponState> = [], pageLimit: Int = 100
    ) -> Pages<Coupon> {
        Pages { (after: CouponID?) async throws(TimesaleError) in
            let page = try await self.coupons(of: user, states, after: after, limit: pageLimit)
            return (page.coupons, page.next)
        }
    }
}

extension CouponRequest {
    var entry: IssueCouponEntry {
        IssueCouponEntry(couponId: id.wire, userId: user.wire, policyId: policy.rawValue)
    }
}

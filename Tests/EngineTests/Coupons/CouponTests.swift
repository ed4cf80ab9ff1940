import Protocol
import Testing

@testable import Engine

/// Coupons, one rule at a time: each refusal has its code, and leaves no trace.
@Suite struct CouponTests {
    private let cluster = Cluster(shards: 2)
    private let alice = user(1)
    private let bob = user(2)

    /// The state before and after something that must change nothing.
    private func expectNoEffect(_ sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> Void) {
        let before = (cluster.digest(), cluster.history.count, cluster.usersKnown(0) + cluster.usersKnown(1))
        let policies = cluster.listPolicies()
        body()
        let after = (cluster.digest(), cluster.history.count, cluster.usersKnown(0) + cluster.usersKnown(1))
        #expect(before == after && policies == cluster.listPolicies(), sourceLocation: sourceLocation)
    }

    private func refused(_ code: ResultCode, _ coupon: Id128) -> CouponViewResult {
        CouponViewResult(
            code: code, state: 0, flags: 0, couponId: coupon, userId: .zero, policyId: 0, issuedAtMs: 0,
            expiresAtMs: 0, usedAtMs: 0, discount: 0, purchaseAmount: 0, orderId: .zero)
    }

    // MARK: Issue

    @Test func aCouponIsShownAsItWasIssuedAndUsed() {
        let endsAtMs = cluster.nowMs + 10_000
        cluster.offer(7, quantity: 3, fixed: nil, percent: 15, maxDiscount: 20_000, validUntilMs: endsAtMs)
        let issuedAtMs = cluster.nowMs
        let id = cluster.mint(alice)
        #expect(
            cluster.issue(alice, 7, id: id).result
                == CouponResult(code: .ok, state: 0, flags: 0, issuedAtMs: issuedAtMs, expiresAtMs: endsAtMs))
        var shown = CouponViewResult(
            code: .ok, state: CouponState.issued.rawValue, flags: 0, couponId: id, userId: alice, policyId: 7,
            issuedAtMs: issuedAtMs, expiresAtMs: endsAtMs, usedAtMs: 0, discount: 0, purchaseAmount: 0,
            orderId: .zero)
        #expect(cluster.coupon(id).result == shown)
        cluster.nowMs += 5
        let order = cluster.mint(bob)
        let used = cluster.use(alice, coupon: id, amount: 124_999, order: order).result
        (shown.state, shown.usedAtMs, shown.discount) = (CouponState.used.rawValue, cluster.nowMs, 18_749)
        (shown.purchaseAmount, shown.orderId) = (124_999, order)
        #expect(used == shown && cluster.coupon(id).result == shown)
        let policy = cluster.policy(7).result
        #expect(policy.remaining == 2 && policy.issued == 1 && policy.used == 1)
        let restored = cluster.restore(alice, coupon: id).result
        (shown.state, shown.usedAtMs, shown.discount) = (CouponState.issued.rawValue, 0, 0)
        (shown.purchaseAmount, shown.orderId) = (0, .zero)
        #expect(restored == shown && cluster.coupon(id).result == shown)
        #expect(cluster.policy(7).result.issued == 1 && cluster.policy(7).result.used == 0)
    }

    @Test func refusalsOfAnIssue() {
        let now = cluster.nowMs
        cluster.offer(1, quantity: 1)
        cluster.offer(2, quantity: 5, validFromMs: now + 10)
        cluster.offer(3, quantity: 5, validUntilMs: now + 5)
        cluster.offer(4, quantity: 5)
        _ = cluster.closePolicy(4)
        cluster.offer(5, quantity: 5, limit: 2)
        cluster.sell(6, stock: 5)
        _ = cluster.claim(bob, 1)
        for _ in 0..<2 { _ = cluster.claim(bob, 5) }
        cluster.nowMs += 5
        let tombstone = cluster.mint(alice)
        _ = cluster.cancel(tombstone)
        let cases: [(ResultCode, IssueCouponEntry)] = [
            (.exhausted, .init(couponId: cluster.mint(alice), userId: alice, policyId: 1)),
            (.notStarted, .init(couponId: cluster.mint(alice), userId: alice, policyId: 2)),
            (.ended, .init(couponId: cluster.mint(alice), userId: alice, policyId: 3)),
            (.closed, .init(couponId: cluster.mint(alice), userId: alice, policyId: 4)),
            (.alreadyIssued, .init(couponId: cluster.mint(bob), userId: bob, policyId: 1)),
            (.alreadyIssued, .init(couponId: cluster.mint(bob), userId: bob, policyId: 5)),
            (.notFound, .init(couponId: cluster.mint(alice), userId: alice, policyId: 6)),
            (.invalid, .init(couponId: cluster.mint(alice), userId: .zero, policyId: 5)),
            (.invalidId, .init(couponId: .zero, userId: alice, policyId: 5)),
            (.wrongPartition, .init(couponId: cluster.mint(bob), userId: alice, policyId: 5)),
            (.idTooOld, .init(couponId: cluster.mint(alice, agoMs: Cluster.retainMs + 1), userId: alice, policyId: 5)),
            (.cancelled, .init(couponId: tombstone, userId: alice, policyId: 5)),
        ]
        for (code, entry) in cases {
            expectNoEffect {
                let expected = CouponResult(code: code, state: 0, flags: 0, issuedAtMs: 0, expiresAtMs: 0)
                #expect(cluster.issue(entry).result == expected)
            }
        }
        // A refused id is free: the same one succeeds where nothing stands against it.
        #expect(cluster.issue(alice, 5, id: cases[0].1.couponId).result.code == .ok)
    }

    @Test func aRepeatedIssueChangesNothing() throws {
        cluster.offer(7, quantity: 5)
        cluster.offer(8, quantity: 5)
        let id = cluster.mint(alice)
        let first = cluster.issue(alice, 7, id: id).result
        cluster.nowMs += 9
        _ = cluster.use(alice, coupon: id)
        for cluster in [cluster, try cluster.replayed(shards: 3), try cluster.rebuilt(shards: 1)] {
            let digest = cluster.digest()
            var again = first
            (again.flags, again.state) = (ResultFlags.repeat, CouponState.used.rawValue)
            #expect(cluster.issue(alice, 7, id: id).result == again)
            #expect(cluster.issue(alice, 8, id: id).result.code == .idReused)
            #expect(cluster.order(alice, 7, id: id).result.code == .idReused)
            #expect(cluster.earn(alice, 5, id: id).result.code == .idReused)
            #expect(cluster.use(alice, coupon: id, id: id).result.code == .idReused)
            #expect(cluster.cancel(id).result.code == .notFound)
            #expect(cluster.cancelTransaction(id).result.code == .notFound)
            #expect(cluster.get(id).result.code == .notFound)
            #expect(cluster.digest() == digest && cluster.policy(7).result.remaining == 4)
        }
    }

    /// Limits hold over restarts, also for users with coupons of many policies.
    @Test func limitsHold() throws {
        for policy in 1...6 as ClosedRange<UInt64> { cluster.offer(policy, quantity: 10, limit: 2) }
        for policy in 1...6 as ClosedRange<UInt64> { _ = cluster.claim(alice, policy) }
        for policy in 1...6 as ClosedRange<UInt64> {
            let coupon = cluster.claim(alice, policy)
            // A use does not make room.
            _ = cluster.use(alice, coupon: coupon)
        }
        for cluster in [cluster, try cluster.replayed(shards: 1), try cluster.rebuilt(shards: 3)] {
            for policy in 1...6 as ClosedRange<UInt64> {
                #expect(cluster.issue(alice, policy).result.code == .alreadyIssued)
                #expect(cluster.issue(bob, policy).result.code == .ok)
            }
        }
    }

    /// Coupons lie in the stripes of all shards: each is found before anybody hears that there is none.
    @Test func exhaustedIsNeverFalse() {
        let cluster = Cluster(shards: 4)
        cluster.offer(7, quantity: 9)
        for number in 1...9 as ClosedRange<UInt64> {
            #expect(cluster.issue(user(partition: 7), 7).result.code == (number == 1 ? .ok : .alreadyIssued))
            #expect(cluster.issue(user(100 + number), 7).result.code == (number < 9 ? .ok : .exhausted))
        }
        #expect(cluster.policy(7).result.state == SaleState.soldOut.rawValue)
        _ = cluster.restockPolicy(7, 1)
        #expect(cluster.issue(user(109), 7).result.code == .ok)
        #expect(cluster.issue(user(110), 7).result.code == .exhausted)
        let policy = cluster.policy(7).result
        #expect(policy.quantity == 10 && policy.issued == 10 && policy.remaining == 0)
    }

    // MARK: Use and restore

    @Test func refusalsOfAUse() {
        let now = cluster.nowMs
        cluster.offer(1, quantity: 5, limit: 0, minPurchase: 1000, validUntilMs: now + 100)
        let (used, fresh, hers) = (cluster.claim(alice, 1), cluster.claim(alice, 1), cluster.claim(bob, 1))
        let other = user(partition: Partition.of(user: alice))
        _ = cluster.use(alice, coupon: used, amount: 1000)
        let tombstone = cluster.mint(alice)
        _ = cluster.cancel(tombstone)
        let order = cluster.mint(alice)
        cluster.sell(9, stock: 1)
        _ = cluster.order(alice, 9, id: order)

        func expect(
            _ code: ResultCode, _ coupon: Id128, by owner: Id128, id: Id128? = nil, amount: UInt64 = 1000,
            shows: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            expectNoEffect(sourceLocation) {
                let reply = cluster.use(owner, coupon: coupon, amount: amount, id: id)
                var expected = refused(code, coupon)
                if shows {
                    expected = cluster.coupon(coupon).result
                    expected.code = code
                }
                #expect(reply.result == expected, sourceLocation: sourceLocation)
            }
        }
        expect(.alreadyUsed, used, by: alice, shows: true)
        expect(.minPurchase, fresh, by: alice, amount: 999, shows: true)
        expect(.minPurchase, fresh, by: alice, amount: 0, shows: true)
        expect(.invalidAmount, fresh, by: alice, amount: 1 << 53)
        expect(.invalidAmount, fresh, by: alice, amount: .max)
        expect(.notOwner, hers, by: alice)
        expect(.notOwner, fresh, by: other)
        expect(.notFound, cluster.mint(alice), by: alice)
        expect(.notFound, order, by: alice)
        expect(.invalid, fresh, by: .zero, id: cluster.mint(alice))
        expect(.invalidId, .zero, by: alice)
        expect(.invalidId, fresh, by: alice, id: .zero)
        expect(.wrongPartition, fresh, by: alice, id: cluster.mint(bob))
        expect(.idTooOld, fresh, by: alice, id: cluster.mint(alice, agoMs: Cluster.retainMs + 1))
        expect(.cancelled, fresh, by: alice, id: tombstone)
        expect(.idReused, fresh, by: alice, id: order)
        cluster.nowMs = now + 100
        expect(.expired, fresh, by: alice, shows: true)
        expect(.alreadyUsed, used, by: alice, shows: true)
    }

    @Test func refusalsOfARestore() {
        cluster.offer(1, quantity: 5, limit: 0)
        let (used, fresh, hers) = (cluster.claim(alice, 1), cluster.claim(alice, 1), cluster.claim(bob, 1))
        let use = cluster.mint(alice)
        _ = cluster.use(alice, coupon: used, id: use)
        _ = cluster.use(bob, coupon: hers)
        expectNoEffect {
            let notUsed = cluster.restore(alice, coupon: fresh).result
            var expected = cluster.coupon(fresh).result
            expected.code = .notUsed
            #expect(notUsed == expected)
            #expect(cluster.restore(alice, coupon: hers).result == refused(.notOwner, hers))
            let unknown = cluster.mint(alice)
            #expect(cluster.restore(alice, coupon: unknown).result == refused(.notFound, unknown))
            #expect(cluster.restore(alice, coupon: used, id: use).result == refused(.idReused, used))
            #expect(cluster.restore(alice, coupon: used, id: used).result == refused(.idReused, used))
            #expect(cluster.restore(alice, coupon: used, id: .zero).result == refused(.invalidId, used))
        }
    }

    /// A use decides once: its repeat answers the amounts of then, with the state of now.
    @Test func aRepeatedUseAnswersWhatItDecided() throws {
        cluster.offer(7, quantity: 5, fixed: nil, percent: 50)
        let coupon = cluster.claim(alice, 7)
        let (first, second, back) = (cluster.mint(alice), cluster.mint(alice), cluster.mint(alice))
        let order = cluster.mint(alice)
        let decided = cluster.use(alice, coupon: coupon, amount: 301, order: order, id: first).result
        #expect(decided.discount == 150)
        cluster.nowMs += 5
        let restored = cluster.restore(alice, coupon: coupon, id: back).result
        #expect(restored.state == CouponState.issued.rawValue && restored.discount == 0)
        for cluster in [cluster, try cluster.replayed(shards: 1), try cluster.rebuilt(shards: 3)] {
            var again = decided
            (again.flags, again.state) = (ResultFlags.repeat, CouponState.issued.rawValue)
            #expect(cluster.use(alice, coupon: coupon, amount: 301, order: order, id: first).result == again)
            #expect(cluster.restore(alice, coupon: coupon, id: back).result.flags == ResultFlags.repeat)
            #expect(cluster.use(alice, coupon: coupon, amount: 302, order: order, id: first).result.code == .idReused)
            #expect(cluster.use(alice, coupon: coupon, amount: 301, id: first).result.code == .idReused)
            #expect(cluster.use(alice, coupon: coupon, id: back).result.code == .idReused)
            #expect(cluster.coupon(coupon).result.state == CouponState.issued.rawValue)
        }
        let later = cluster.use(alice, coupon: coupon, amount: 10, id: second).result
        #expect(later.discount == 5 && later.usedAtMs == cluster.nowMs)
        for cluster in [cluster, try cluster.replayed(shards: 1), try cluster.rebuilt(shards: 3)] {
            let repeated = cluster.use(alice, coupon: coupon, amount: 301, order: order, id: first).result
            #expect(repeated.discount == 150 && repeated.state == CouponState.used.rawValue)
            #expect(cluster.coupon(coupon).result == later)
            let undone = cluster.restore(alice, coupon: coupon, id: back).result
            #expect(undone.code == .ok && undone.flags == ResultFlags.repeat && undone.discount == 5)
        }
    }

    @Test func aClosedPolicyEndsIssuingOnly() {
        cluster.offer(7, quantity: 5)
        let coupon = cluster.claim(alice, 7)
        _ = cluster.closePolicy(7)
        #expect(cluster.issue(bob, 7).result.code == .closed)
        #expect(cluster.use(alice, coupon: coupon).result.code == .ok)
        #expect(cluster.restore(alice, coupon: coupon).result.code == .ok)
        #expect(cluster.use(alice, coupon: coupon).result.discount == 500)
    }

    @Test func aRestoredCouponKeepsItsEnd() {
        cluster.offer(7, quantity: 5, validUntilMs: cluster.nowMs + 100)
        let coupon = cluster.claim(alice, 7)
        cluster.nowMs += 99
        #expect(cluster.use(alice, coupon: coupon).result.state == CouponState.used.rawValue)
        cluster.nowMs += 1
        #expect(cluster.coupon(coupon).result.state == CouponState.used.rawValue)
        #expect(cluster.restore(alice, coupon: coupon).result.state == CouponState.expired.rawValue)
        #expect(cluster.use(alice, coupon: coupon).result.code == .expired)
        #expect(cluster.restore(alice, coupon: coupon).result.code == .notUsed)
    }

    // MARK: Lists

    @Test func listsAreNewestFirstAndFiltered() {
        cluster.offer(1, quantity: 50, limit: 0, validUntilMs: cluster.nowMs + 50)
        cluster.offer(2, quantity: 50, limit: 0)
        let ids = (0..<9).map { cluster.claim(alice, UInt64($0 % 2) + 1) }
        for id in ids[3..<6] { _ = cluster.use(alice, coupon: id) }
        #expect(cluster.coupons(of: alice).map(\.couponId) == ids.reversed())
        #expect(cluster.coupons(of: alice, page: 2).map(\.couponId) == ids.reversed())
        let used = UInt8(1) << CouponState.used.rawValue
        let expired = UInt8(1) << CouponState.expired.rawValue
        #expect(cluster.coupons(of: alice, stateMask: used, page: 1).map(\.couponId) == ids[3..<6].reversed())
        #expect(cluster.coupons(of: alice, stateMask: expired).isEmpty)
        cluster.nowMs += 50
        let old = [ids[8], ids[6], ids[2], ids[0]]
        #expect(cluster.coupons(of: alice, stateMask: expired, page: 3).map(\.couponId) == old)
        #expect(cluster.coupons(of: alice, stateMask: used | expired, page: 3).count == 7)
        for id in ids { #expect(cluster.coupons(of: alice).first { $0.couponId == id } == cluster.coupon(id).result) }
        // Exactly as many as the page: nothing follows.
        let (page, found) = cluster.couponPage(
            ListUserCouponsEntry(userId: alice, after: .zero, limit: 3, stateMask: used))
        #expect(found.count == 3 && !page.more)
    }

    @Test func listsOfNobodyAndNothing() {
        cluster.offer(1, quantity: 5)
        let hers = cluster.claim(bob, 1)
        func code(_ entry: ListUserCouponsEntry) -> ResultCode { cluster.couponPage(entry).page.code }
        #expect(cluster.coupons(of: alice).isEmpty)
        #expect(code(.init(userId: alice, after: hers, limit: 1, stateMask: 0)) == .notFound)
        _ = cluster.earn(alice, 5)
        #expect(cluster.coupons(of: alice).isEmpty)
        #expect(code(.init(userId: alice, after: hers, limit: 1, stateMask: 0)) == .notFound)
        #expect(code(.init(userId: .zero, after: .zero, limit: 1, stateMask: 0)) == .invalid)
        #expect(code(.init(userId: alice, after: .zero, limit: 0, stateMask: 0)) == .invalid)
        #expect(code(.init(userId: alice, after: .zero, limit: 1001, stateMask: 0)) == .invalid)
        #expect(cluster.coupon(.zero).result.code == .invalidId)
        #expect(cluster.coupon(cluster.mint(alice)).result.code == .notFound)
    }

    // MARK: Waiting

    /// What shows a user's records waits for the last of their events; what is about the moment does not wait.
    @Test func repliesWaitForWhatTheyShow() {
        cluster.offer(7, quantity: 2)
        let id = cluster.mint(alice)
        let issued = cluster.issue(alice, 7, id: id).waitLsn
        #expect(issued == cluster.lastLsn(cluster.shard(of: alice)))
        #expect(cluster.issue(alice, 7, id: id).waitLsn == issued && cluster.coupon(id).waitLsn == issued)
        #expect(cluster.issue(alice, 7).waitLsn == issued, "the limit is reached by a record")
        let use = cluster.use(alice, coupon: id)
        #expect(use.waitLsn == issued + 1 && cluster.coupon(id).waitLsn == use.waitLsn)
        #expect(cluster.use(alice, coupon: id).waitLsn == use.waitLsn)
        let entry = ListUserCouponsEntry(userId: alice, after: .zero, limit: 1, stateMask: 0)
        #expect(cluster.couponPage(entry).page.waitLsn == use.waitLsn)
        _ = cluster.claim(bob, 7)
        #expect(cluster.issue(user(3), 7).waitLsn == 0, "exhausted is about the moment")
        #expect(cluster.use(user(3), coupon: cluster.mint(user(3))).waitLsn == 0)
    }
}

import Protocol
import Testing

@testable import Engine

/// At the bounds of the tables: CAPACITY, and nothing else changes; what is there goes on being answered.
@Suite struct CouponBoundTests {
    @Test func couponsAndTheirOperationsAreBounded() {
        let cluster = Cluster(capacities: .init(users: 4, coupons: 3, couponOperations: 2))
        cluster.offer(7, quantity: 50, limit: 0)
        let first = cluster.mint(user(1))
        #expect(cluster.issue(user(1), 7, id: first).result.code == .ok)
        let others = [cluster.claim(user(1), 7), cluster.claim(user(2), 7)]
        #expect(cluster.issue(user(1), 7).result.code == .capacity)
        #expect(cluster.issue(user(3), 7).result.code == .capacity)
        #expect(cluster.usersKnown() == 2 && cluster.policy(7).result.remaining == 47)
        #expect(cluster.issue(user(1), 7, id: first).result.flags == ResultFlags.repeat)

        let use = cluster.mint(user(1))
        #expect(cluster.use(user(1), coupon: first, id: use).result.code == .ok)
        #expect(cluster.restore(user(1), coupon: first).result.code == .ok)
        let digest = cluster.digest()
        #expect(cluster.use(user(1), coupon: first).result.code == .capacity)
        #expect(cluster.use(user(2), coupon: others[1]).result.code == .capacity)
        #expect(cluster.use(user(1), coupon: first, id: use).result.flags == ResultFlags.repeat)
        #expect(cluster.digest() == digest)
    }

    @Test func usersAreBounded() {
        let cluster = Cluster(capacities: .init(users: 1))
        cluster.offer(7, quantity: 50)
        #expect(cluster.issue(user(1), 7).result.code == .ok)
        #expect(cluster.issue(user(2), 7).result.code == .capacity)
        #expect(cluster.policy(7).result.remaining == 49)
    }

    /// A list walks along the coupons of its user.
    @Test func couponsOfOneUserAreBounded() throws {
        let cluster = Cluster(capacities: .init(coupons: 20_000))
        cluster.offer(7, quantity: 50_000, limit: 0)
        for _ in 0..<Engine.couponsPerUserMax { _ = cluster.claim(user(1), 7) }
        let reply = cluster.issue(user(1), 7)
        #expect(reply.result.code == .capacity && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.issue(user(2), 7).result.code == .ok)
        let again = try cluster.replayed(shards: 1, capacities: .init(coupons: 20_000))
        #expect(again.issue(user(1), 7).result.code == .capacity)
    }

    /// A batch that meets the end of the event buffer, and needs units from other stripes, goes on where it was.
    @Test func aBatchOfManyIssuesIsDecidedEntryByEntry() {
        let cluster = Cluster(shards: 3)
        cluster.offer(7, quantity: 301)
        let users = (0..<400 as Range<UInt64>).map { user($0) }.filter { cluster.shard(of: $0) == 0 }
        let entries = users.map { IssueCouponEntry(couponId: cluster.mint($0), userId: $0, policyId: 7) }
        let bytes = entries.flatMap { entry in encode(IssueCouponEntry.sizeBytes) { entry.store(to: $0) } }
        let results = cluster.run(.issueCoupon, on: 0, bytes, allowance: 50).results
        let codes = results.withUnsafeBytes { results in
            users.indices.map { CouponResult(results.baseAddress! + $0 * CouponResult.sizeBytes).code }
        }
        #expect(codes.allSatisfy { $0 == .ok } && users.count > 110, "more than lie in the shard's own stripe")
        #expect(cluster.policy(7).result.issued == UInt64(users.count))
    }
}

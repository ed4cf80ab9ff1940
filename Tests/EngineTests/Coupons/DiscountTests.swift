import Protocol
import Testing

@testable import Engine

/// Discounts, up to the edges of what fits into 64 bits.
@Suite struct DiscountTests {
    private func policy(
        _ kind: DiscountKind, _ value: UInt64, most: UInt64 = 0, least: UInt64 = 0
    ) -> OfferTerms {
        OfferTerms(
            id: 1, startsAtMs: 0, endsAtMs: 0, value: value, maxDiscount: most, minPurchase: least, perUserLimit: 0,
            kind: .policy, discountKind: kind)
    }

    @Test func aFixedDiscountIsAtMostThePurchase() {
        let policy = policy(.fixed, 500)
        #expect(policy.discount(on: 499) == 499)
        #expect(policy.discount(on: 500) == 500)
        #expect(policy.discount(on: .max) == 500)
        #expect(policy.discount(on: 0) == 0)
        #expect(policy.discount(on: nil) == 500)
        #expect(self.policy(.fixed, 500, most: 300).discount(on: nil) == 300)
    }

    @Test func aPercentageIsRoundedDownAndCapped() {
        let policy = policy(.percent, 15)
        #expect(policy.discount(on: 124_999) == 18_749)
        #expect(policy.discount(on: 6) == 0 && policy.discount(on: 7) == 1)
        #expect(policy.discount(on: nil) == 0 && policy.discount(on: 0) == 0)
        let capped = self.policy(.percent, 15, most: 100)
        #expect(capped.discount(on: 666) == 99 && capped.discount(on: 667) == 100 && capped.discount(on: 9999) == 100)
    }

    @Test func nothingOverflows() {
        #expect(policy(.percent, 100).discount(on: .max) == .max)
        #expect(policy(.percent, 99).discount(on: .max) == 18_262_276_632_972_456_098)
        #expect(policy(.percent, 1).discount(on: .max) == 184_467_440_737_095_516)
        #expect(policy(.percent, 100).discount(on: 1 << 53 - 1) == 1 << 53 - 1)
        #expect(policy(.fixed, 1 << 53 - 1).discount(on: .max) == 1 << 53 - 1)
        #expect(policy(.percent, 100, most: .max).discount(on: .max) == .max)
    }

    @Test func aLeastPurchaseIsMeant() {
        #expect(policy(.fixed, 5).allows(purchase: nil) && policy(.fixed, 5).allows(purchase: 0))
        let policy = policy(.fixed, 5, least: 100)
        #expect(!policy.allows(purchase: nil) && !policy.allows(purchase: 99) && policy.allows(purchase: 100))
    }

    /// The largest numbers that a client can send.
    @Test func theLargestPurchase() {
        let cluster = Cluster()
        cluster.offer(1, quantity: 9, limit: 0, fixed: nil, percent: 100)
        cluster.offer(2, quantity: 9, limit: 0, fixed: 1 << 53 - 1, minPurchase: 1 << 53 - 1)
        let most: UInt64 = 1 << 53 - 1
        #expect(cluster.use(user(1), coupon: cluster.claim(user(1), 1), amount: most).result.discount == most)
        #expect(cluster.use(user(1), coupon: cluster.claim(user(1), 2), amount: most).result.discount == most)
        let refused = cluster.use(user(1), coupon: cluster.claim(user(1), 2), amount: most - 1).result
        #expect(refused.code == .minPurchase && refused.discount == 0)
    }
}

import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Frames of points and coupons as large as they may be, with users of both shards, at a shard that owns half of
    /// them: each result stands where its entry stood.
    @Suite(.serialized) struct ModuleBatches {
        private var mint = IdMint(seed: 50)

        @Test(arguments: Setup.all) mutating func points(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.client(setup.transport)
            for count in [1, 128, Frame.batchCountMax] {
                let earnings = (0..<count).map { index in
                    let user = mint.user()
                    return EarnEntry(
                        transactionId: mint.id(user: user), userId: user, expiresAtMs: 0,
                        amount: UInt32(index % 7 == 3 ? 0 : index + 2), reason: Reason("entry \(index)")!)
                }
                let earned = try client.earn(earnings)
                let wrong = zip(earnings, earned).enumerated().first { index, pair in
                    index % 7 == 3
                        ? pair.1.code != .invalidAmount
                        : pair.1.code != .ok || pair.1.amount != pair.0.amount
                            || pair.1.balance != UInt64(pair.0.amount)
                }
                #expect(wrong == nil, "of \(count): \(String(describing: wrong))")
                let uses = earnings.map {
                    UsePointsEntry(
                        transactionId: mint.id(user: $0.userId), userId: $0.userId,
                        amount: max(1, $0.amount / 2))
                }
                let used: [PointResult] = try client.call(.usePoints, uses)
                for (earning, result) in zip(earnings, used) {
                    let isRight =
                        earning.amount == 0
                        ? result.code == .insufficientPoints
                        : result.balance == UInt64(earning.amount - earning.amount / 2)
                    if !isRight { Issue.record("of \(count): \(result)") }
                }
                let ids = earnings.map { TransactionIdEntry(transactionId: $0.transactionId) }
                for operation in [Protocol.Operation.getTransaction, .cancelTransaction] {
                    let views: [TransactionViewResult] = try client.call(operation, ids)
                    #expect(views.map(\.transactionId) == earnings.map(\.transactionId))
                    let reasons = zip(earnings, views).allSatisfy { $0.amount == 0 || $1.reason == $0.reason }
                    #expect(reasons, "\(operation)")
                }
                let again = try client.earn(earnings.shuffled(using: &mint))
                #expect(again.count { $0.flags == ResultFlags.repeat } == earned.count { $0.code == .ok })
            }
            stop(server)
        }

        @Test(arguments: Setup.all) mutating func coupons(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let policy = CreatePolicyEntry.open(
                1, quantity: 1_000_000, discountKind: .percent, discountValue: 10,
                operationId: mint.catalogueId())
            #expect(try client.createPolicy(policy).code == .ok)
            var issuedCount = 0
            for count in [1, 128, Frame.batchCountMax] {
                let issues = (0..<count).map { index in
                    let user = mint.user()
                    return IssueCouponEntry(
                        couponId: mint.id(user: user), userId: user, policyId: index % 7 == 3 ? 9 : 1)
                }
                let issued = try client.issue(issues)
                #expect(issued.map(\.code) == issues.map { $0.policyId == 1 ? .ok : .notFound })
                issuedCount += issued.count { $0.code == .ok }
                let uses = issues.enumerated().map { index, issue in
                    UseCouponEntry(
                        useId: mint.id(user: issue.userId), couponId: issue.couponId, userId: issue.userId,
                        orderId: Id128(UInt64(index)), purchaseAmount: UInt64(index * 10 + 10))
                }
                let used: [CouponViewResult] = try client.call(.useCoupon, uses)
                let wrong = used.enumerated().first { index, result in
                    issues[index].policyId == 1
                        ? result.code != .ok || result.discount != UInt64(index + 1)
                            || result.orderId != Id128(UInt64(index))
                            || result.couponId != issues[index].couponId
                        : result.code != .notFound
                }
                #expect(wrong == nil, "of \(count): \(String(describing: wrong))")
                #expect(
                    try client.getCoupons(issues.map(\.couponId)).map(\.couponId) == issues.map(\.couponId))
                let restores = issues.map {
                    RestoreCouponEntry(
                        restoreId: mint.id(user: $0.userId), couponId: $0.couponId, userId: $0.userId)
                }
                let restored: [CouponViewResult] = try client.call(.restoreCoupon, restores)
                #expect(restored.map(\.code) == issued.map(\.code))
            }
            let shown = try client.getPolicy(1)
            #expect(shown.issued == UInt64(issuedCount) && shown.used == 0)
            #expect(shown.remaining == 1_000_000 - shown.issued)
            stop(server)
        }

        /// Lists of a user of another shard come through it page by page.
        @Test(arguments: Setup.all) mutating func lists(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.client(setup.transport, shard: 0)
            #expect(
                try client.createPolicy(.open(1, quantity: 10_000, operationId: mint.catalogueId())).code
                    == .ok)
            for shard in 0..<setup.shards {
                let user = mint.user(shard: shard, of: setup.shards)
                let earnings = (0..<1500).map { _ in
                    EarnEntry(
                        transactionId: mint.id(user: user), userId: user,
                        expiresAtMs: wallClockMs() + 600_000, amount: 1)
                }
                let earned = try client.earn(earnings)
                // So many lots a user may have.
                #expect(
                    earned.count { $0.code == .ok } == 1024 && earned.count { $0.code == .capacity } == 476)
                #expect(try client.getBalance(user).balance == 1024)
                let first = try client.listTransactions(user)
                #expect(first.items.count == 1000 && first.more)
                let rest = try client.listTransactions(user, after: first.items[999].transactionId)
                #expect(rest.items.count == 24 && !rest.more)

                let issues = (0..<1500).map { _ in
                    IssueCouponEntry(couponId: mint.id(user: user), userId: user, policyId: 1)
                }
                #expect(try client.issue(issues).allSatisfy { $0.code == .ok })
                let coupons = try client.listUserCoupons(user)
                #expect(coupons.items.count == 1000 && coupons.more)
                #expect(coupons.items.map(\.couponId) == issues.suffix(1000).reversed().map(\.couponId))
                let used = 1 << CouponState.used.rawValue as UInt8
                #expect(
                    try client.useCoupon(mint.id(user: user), coupon: issues[0].couponId, user: user).code
                        == .ok)
                let filtered = try client.listUserCoupons(user, stateMask: used)
                #expect(filtered.items.map(\.couponId) == [issues[0].couponId] && !filtered.more)
            }
            stop(server)
        }
    }
}

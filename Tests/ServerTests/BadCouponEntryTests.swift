import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// What bad input gets from the operations on coupons and policies: its own code, no effect, and nothing taken from
    /// the entries beside it.
    @Suite(.serialized) struct BadCouponEntries {
        @Test(arguments: Setup.all) func policies(_ setup: Setup) throws {
            var mint = IdMint(seed: 40)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let nowMs = wallClockMs()
            var faults = [
                EntryFault(name: "policy 0", code: .invalid, change: EntryFault.store(UInt64(0), 16)),
                EntryFault(name: "quantity 0", code: .invalid, change: EntryFault.store(UInt64(0), 24)),
                EntryFault(
                    name: "quantity 2^40+1", code: .invalid, change: EntryFault.store(UInt64(1 << 40 + 1), 24)
                ),
                EntryFault(name: "ended", code: .invalid, change: EntryFault.store(nowMs - 1000, 40)),
                EntryFault(
                    name: "beginning 2^47", code: .invalid, change: EntryFault.store(UInt64(1 << 47), 32)),
                EntryFault(name: "end 2^47", code: .invalid, change: EntryFault.store(UInt64(1 << 47), 40)),
                EntryFault(name: "discount 0", code: .invalidAmount, change: EntryFault.store(UInt64(0), 48)),
                EntryFault(
                    name: "discount 2^53", code: .invalidAmount, change: EntryFault.store(UInt64(1 << 53), 48)
                ),
                EntryFault(
                    name: "cap 2^53", code: .invalidAmount, change: EntryFault.store(UInt64(1 << 53), 56)),
                EntryFault(
                    name: "least 2^64-1", code: .invalidAmount, change: EntryFault.store(UInt64.max, 64)),
                EntryFault(name: "kind 2", code: .invalid, change: EntryFault.store(UInt8(2), 76)),
                EntryFault(name: "reserved", code: .invalid, change: EntryFault.store(UInt8(1), 79)),
                EntryFault(
                    name: "name of 79 bytes", code: .invalid, change: EntryFault.store(UInt16(79), 80)),
                EntryFault(name: "name with a line", code: .invalid, change: EntryFault.store(UInt8(10), 83)),
            ]
            for (percentage, code) in [(101, ResultCode.invalidPercentage), (0, .invalidAmount)] {
                faults.append(
                    EntryFault(name: "\(percentage) per cent", code: code) { bytes in
                        EntryFault.store(UInt64(percentage), 48)(&bytes)
                        bytes[76] = DiscountKind.percent.rawValue
                    })
            }
            var next: UInt64 = 0
            try EntryFault.present(faults, .createPolicy, client, code: \PolicyResult.code) {
                next += 1
                return CreatePolicyEntry.open(next, quantity: 5, operationId: mint.catalogueId())
            }
            #expect(try client.listPolicies().items.count == faults.count + 1)

            let known = try client.listPolicies(limit: 1).items[0].policyId
            let restocks = [
                EntryFault(name: "quantity 0", code: .invalid, change: EntryFault.store(UInt64(0), 24)),
                EntryFault(name: "quantity 2^64-1", code: .invalid, change: EntryFault.store(UInt64.max, 24)),
                EntryFault(
                    name: "an unknown policy", code: .notFound, change: EntryFault.store(UInt64(1 << 60), 16)),
            ]
            try EntryFault.present(restocks, .restockPolicy, client, code: \PolicyResult.code) {
                RestockEntry(operationId: mint.catalogueId(), offerId: known, quantity: 1)
            }
            #expect(try client.getPolicy(known).quantity == UInt64(5 + restocks.count + 1))
            #expect(try client.getPolicy(1 << 60).code == .notFound)
            #expect(try client.closePolicy(0).code == .notFound)
            stop(server)
        }

        @Test(arguments: Setup.all) func issues(_ setup: Setup) throws {
            var mint = IdMint(seed: 41)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let nowMs = wallClockMs()
            let policies = [
                CreatePolicyEntry.open(1, quantity: 1000, operationId: mint.catalogueId()),
                .open(2, quantity: 1, validFromMs: nowMs + 600_000, operationId: mint.catalogueId()),
                .open(3, quantity: 1, operationId: mint.catalogueId()),
            ]
            for policy in policies { #expect(try client.createPolicy(policy).code == .ok) }
            #expect(try client.closePolicy(3).code == .ok)
            let user = mint.user()
            let faults =
                [
                    EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 16)),
                    EntryFault(name: "policy 0", code: .notFound, change: EntryFault.store(UInt64(0), 32)),
                    EntryFault(
                        name: "an unknown policy", code: .notFound, change: EntryFault.store(UInt64(9), 32)),
                    EntryFault(name: "not begun", code: .notStarted, change: EntryFault.store(UInt64(2), 32)),
                    EntryFault(name: "closed", code: .closed, change: EntryFault.store(UInt64(3), 32)),
                ] + EntryFault.ids(of: user, at: 0)
            try EntryFault.present(faults, .issueCoupon, client, code: \CouponResult.code) {
                IssueCouponEntry(couponId: mint.id(user: user), userId: user, policyId: 1)
            }
            let policy = try client.getPolicy(1)
            #expect(policy.issued == UInt64(faults.count + 1) && policy.remaining == 1000 - policy.issued)
            #expect(try client.listUserCoupons(user).items.count == faults.count + 1)
            stop(server)
        }

        /// A coupon of another user, one that is used, one that is not known, a purchase that is too small.
        @Test(arguments: Setup.all) func usesAndRestores(_ setup: Setup) throws {
            var mint = IdMint(seed: 42)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let policy = CreatePolicyEntry.open(
                1, quantity: 1000, minPurchase: 50, operationId: mint.catalogueId())
            #expect(try client.createPolicy(policy).code == .ok)
            let (user, other) = (mint.user(), mint.user())
            func issue(_ user: Id128) throws -> Id128 {
                let coupon = mint.id(user: user)
                #expect(try client.issue(coupon, user: user, policy: 1).code == .ok)
                return coupon
            }
            let (used, others) = (try issue(user), try issue(other))
            #expect(
                try client.useCoupon(mint.id(user: user), coupon: used, user: user, amount: 50).code == .ok)
            let coupons = try (0..<60).map { _ in try issue(user) }
            let faults =
                [
                    EntryFault(
                        name: "purchase 2^53", code: .invalidAmount,
                        change: EntryFault.store(UInt64(1 << 53), 64)),
                    EntryFault(
                        name: "a purchase of less", code: .minPurchase,
                        change: EntryFault.store(UInt64(49), 64)),
                    EntryFault(
                        name: "no purchase", code: .minPurchase, change: EntryFault.store(UInt64(0), 64)),
                    EntryFault(name: "used", code: .alreadyUsed, change: EntryFault.storeId(used, 16)),
                    EntryFault(
                        name: "another user's", code: .notOwner, change: EntryFault.storeId(others, 16)),
                    EntryFault(
                        name: "unknown", code: .notFound, change: EntryFault.storeId(mint.id(user: user), 16)),
                    EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 32)),
                ] + EntryFault.ids(of: user, at: 0)
            var next = 0
            try EntryFault.present(faults, .useCoupon, client, code: \CouponViewResult.code) {
                next += 1
                return UseCouponEntry(
                    useId: mint.id(user: user), couponId: coupons[next - 1], userId: user, orderId: .zero,
                    purchaseAmount: 100)
            }
            // Entries that were spoilt took their coupon from nobody: every second one is free.
            let isUsed = try client.getCoupons(Array(coupons[..<next])).map {
                $0.state == CouponState.used.rawValue
            }
            #expect(isUsed.count { $0 } == faults.count + 1)
            #expect(try client.getPolicy(1).used == UInt64(faults.count + 2))

            let undone = zip(coupons, isUsed).filter(\.1).map(\.0)
            let free = try #require(zip(coupons, isUsed).first { !$0.1 }).0
            let restores = [
                EntryFault(name: "not used", code: .notUsed, change: EntryFault.storeId(free, 16)),
                EntryFault(name: "another user's", code: .notOwner, change: EntryFault.storeId(others, 16)),
                EntryFault(
                    name: "unknown", code: .notFound, change: EntryFault.storeId(mint.id(user: user), 16)),
                EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 32)),
                EntryFault(name: "id zero", code: .invalidId, change: EntryFault.storeId(.zero, 0)),
            ]
            next = 0
            try EntryFault.present(restores, .restoreCoupon, client, code: \CouponViewResult.code) {
                next += 1
                return RestoreCouponEntry(
                    restoreId: mint.id(user: user), couponId: undone[next - 1], userId: user)
            }
            #expect(try client.getPolicy(1).used == UInt64(faults.count + 2 - (restores.count + 1)))
            stop(server)
        }

        @Test(arguments: Setup.all) func idsAndLists(_ setup: Setup) throws {
            var mint = IdMint(seed: 43)
            let server = try setup.start()
            var bystander = try Bystander(server)
            let client = try server.client(setup.transport)
            let user = mint.user()
            #expect(try client.getCoupon(Id128(high: 5, low: 5)).code == .invalidId)
            #expect(try client.getCoupon(mint.id(user: user)).code == .notFound)
            let invalid = ClientFault.refused(.invalid, retryAfterMs: 0)
            #expect(throws: invalid) { try client.listPolicies(limit: 0) }
            #expect(throws: invalid) { try client.listUserCoupons(.zero) }
            #expect(throws: invalid) { try client.listUserCoupons(user, limit: 1001) }
            #expect(throws: ClientFault.refused(.notFound, retryAfterMs: 0)) {
                try client.listUserCoupons(user, after: mint.id(user: user))
            }
            // A policy is no sale, and a sale no policy.
            let policy = CreatePolicyEntry.open(5, quantity: 1, operationId: mint.catalogueId())
            #expect(try client.createPolicy(policy).code == .ok)
            #expect(try client.getSale(5).code == .notFound)
            #expect(try client.order(mint.id(user: user), user: user, sale: 5).code == .notFound)
            #expect(
                try client.issue(mint.id(user: user), user: user, policy: Bystander.saleId).code == .notFound)
            // An id that stands for something of another kind is taken, and is nothing for these operations.
            let coupon = mint.id(user: user)
            #expect(try client.issue(coupon, user: user, policy: 5).code == .ok)
            #expect(try client.order(coupon, user: user, sale: Bystander.saleId).code == .idReused)
            #expect(try client.earn(coupon, user: user, 1).code == .idReused)
            #expect(try client.useCoupon(coupon, coupon: coupon, user: user).code == .idReused)
            #expect(try client.cancel(coupon).code == .notFound)
            #expect(try client.cancelTransaction(coupon).code == .notFound)
            let earning = mint.id(user: user)
            #expect(try client.earn(earning, user: user, 1).code == .ok)
            #expect(try client.issue(earning, user: user, policy: 5).code == .idReused)
            #expect(try client.getCoupon(earning).code == .notFound)
            try bystander.expectUndisturbed()
            stop(server)
        }
    }
}

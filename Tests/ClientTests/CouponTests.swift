import Foundation
import Protocol
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows coupons and their policies through the client: every operation against a real server, and what is said
    /// when an outcome is not known.
    @Suite struct CouponTests {
        @Test func aPolicyFromCreationToClosing() async throws {
            try await withTimesale { client in
                let untilMs = wallClockMs() + 3_600_000
                let new = NewPolicy(
                    id: 7, name: "Zehn Prozent", quantity: 10, discount: .percent(10), maxDiscount: 3_000,
                    minPurchase: 500, perUserLimit: 2, validUntilMs: untilMs)
                let operation = OperationID.mint()
                let created = try await client.createPolicy(new, operation: operation)
                #expect(created.id == 7 && created.name == "Zehn Prozent" && created.state == .open)
                #expect(
                    created.quantity == 10 && created.remaining == 10 && created.issued == 0
                        && created.used == 0)
                #expect(created.discount == .percent(10) && created.maxDiscount == 3_000)
                #expect(created.minPurchase == 500 && created.perUserLimit == 2 && !created.isRepeat)
                #expect(created.validUntilMs == untilMs)
                #expect(try await client.createPolicy(new, operation: operation).isRepeat)
                #expect(await fault { try await client.createPolicy(new) }?.refusal == .alreadyExists)
                let other = NewPolicy(id: 7, name: "Zehn Prozent", quantity: 11, discount: .percent(10))
                #expect(
                    await fault { try await client.createPolicy(other, operation: operation) }?.refusal
                        == .idReused)
                // A sale may have the same number.
                try await client.createSale(NewSale(id: 7, name: "Lamps", stock: 1))
                #expect(try await client.policy(7).name == "Zehn Prozent")

                let more = OperationID(idempotencyKey: "more")
                #expect(try await client.restockPolicy(7, quantity: 5, operation: more).quantity == 15)
                #expect(try await client.restockPolicy(7, quantity: 5, operation: more).isRepeat)
                #expect(try await client.policy(7).remaining == 15)
                #expect(await fault { try await client.policy(8) }?.refusal == .notFound)
                #expect(await fault { try await client.restockPolicy(8, quantity: 1) }?.refusal == .notFound)

                let coupon = try await client.issueCoupon(policy: 7, user: 42)
                #expect(try await client.closePolicy(7).state == .closed)
                #expect(try await client.closePolicy(7).isRepeat)
                #expect(await fault { try await client.issueCoupon(policy: 7, user: 1) }?.refusal == .closed)
                // What has been issued stays usable.
                let used = try await client.useCoupon(coupon.id, user: 42, purchaseAmount: 5_000)
                #expect(used.use?.discount == 500)
            }
        }

        @Test func policiesThatCannotBe() async throws {
            try await withTimesale { client in
                func refusal(_ change: (inout NewPolicy) -> Void) async -> TimesaleError? {
                    var policy = NewPolicy(id: 1, name: "any", quantity: 1, discount: .fixed(100))
                    change(&policy)
                    let wanted = policy
                    return await fault { try await client.createPolicy(wanted) }
                }
                #expect(await refusal { $0.discount = .percent(101) }?.refusal == .invalidPercentage)
                #expect(await refusal { $0.discount = .percent(0) }?.refusal == .invalidAmount)
                #expect(await refusal { $0.discount = .fixed(0) }?.refusal == .invalidAmount)
                #expect(await refusal { $0.discount = .fixed(1 << 53) }?.refusal == .invalidAmount)
                #expect(await refusal { $0.minPurchase = 1 << 53 }?.refusal == .invalidAmount)
                #expect(await refusal { $0.validUntilMs = 1 }?.refusal == .invalid)
                #expect(await refusal { $0.name = "a\u{7}b" } == .invalidArgument(.name))
                let policies = try await client.policies()
                #expect(policies.policies.isEmpty && policies.next == nil)
            }
        }

        @Test func aCouponFromIssueToRestore() async throws {
            try await withTimesale { client in
                let untilMs = wallClockMs() + 3_600_000
                try await client.createPolicy(
                    NewPolicy(
                        id: 1, name: "ten off", quantity: 2, discount: .percent(10), maxDiscount: 1_000,
                        minPurchase: 500, validUntilMs: untilMs))
                let id = CouponID.mint(for: 42)
                let issued = try await client.issueCoupon(policy: 1, user: 42, id: id)
                #expect(issued.id == id && issued.user == 42 && issued.policy == 1 && issued.state == .issued)
                #expect(issued.expiresAtMs == untilMs && issued.use == nil && !issued.isRepeat)
                #expect(try await client.issueCoupon(policy: 1, user: 42, id: id).isRepeat)
                #expect(
                    await fault { try await client.issueCoupon(policy: 1, user: 42) }?.refusal
                        == .alreadyIssued)
                #expect(try await client.issueCoupon(policy: 1, user: 43).state == .issued)
                #expect(
                    await fault { try await client.issueCoupon(policy: 1, user: 44) }?.refusal == .exhausted)
                #expect(
                    await fault { try await client.issueCoupon(policy: 2, user: 44) }?.refusal == .notFound)
                #expect(
                    await fault { try await client.issueCoupon(policy: 1, user: 43, id: id) }?.refusal
                        == .wrongPartition)

                let (order, use) = (OrderID.mint(for: 42), CouponOperationID.mint(for: 42))
                for amount in [nil, 499] as [UInt64?] {
                    #expect(
                        await fault { try await client.useCoupon(id, user: 42, purchaseAmount: amount) }?
                            .refusal
                            == .minPurchase)
                }
                #expect(
                    await fault { try await client.useCoupon(id, user: 43, purchaseAmount: 500) }?.refusal
                        == .notOwner)
                let used = try await client.useCoupon(
                    id, user: 42, purchaseAmount: 1_999, order: order, use: use)
                #expect(used.state == .used && used.use?.discount == 199 && used.use?.purchaseAmount == 1_999)
                #expect(used.use?.order == order && !used.isRepeat)
                #expect(
                    await fault { try await client.useCoupon(id, user: 42, purchaseAmount: 1_999) }?.refusal
                        == .alreadyUsed)
                #expect(
                    await fault {
                        try await client.useCoupon(
                            id, user: 42, purchaseAmount: 2_000, order: order, use: use)
                    }?.refusal == .idReused)
                #expect(try await client.coupon(id) == used)
                #expect(try await client.policy(1).used == 1)

                let restore = CouponOperationID(idempotencyKey: "undo", for: 42)
                let restored = try await client.restoreCoupon(id, user: 42, restore: restore)
                #expect(restored.state == .issued && restored.use == nil && restored.expiresAtMs == untilMs)
                #expect(try await client.restoreCoupon(id, user: 42, restore: restore).isRepeat)
                #expect(await fault { try await client.restoreCoupon(id, user: 42) }?.refusal == .notUsed)
                #expect(await fault { try await client.restoreCoupon(id, user: 43) }?.refusal == .notOwner)
                // The use that was restored still has its answer.
                let again = try await client.useCoupon(
                    id, user: 42, purchaseAmount: 1_999, order: order, use: use)
                #expect(again.isRepeat && again.use == used.use && again.state == .issued)
                #expect(
                    try await client.useCoupon(id, user: 42, purchaseAmount: 50_000).use?.discount == 1_000)
                #expect(await fault { try await client.coupon(.mint(for: 42)) }?.refusal == .notFound)
            }
        }

        @Test func aCouponOutOfItsTime() async throws {
            try await withTimesale { client in
                let now = wallClockMs()
                try await client.createPolicy(
                    NewPolicy(
                        id: 1, name: "soon", quantity: 1, discount: .fixed(1), validFromMs: now + 3_600_000))
                #expect(
                    await fault { try await client.issueCoupon(policy: 1, user: 1) }?.refusal == .notStarted)
                try await client.createPolicy(
                    NewPolicy(
                        id: 2, name: "short", quantity: 2, discount: .fixed(1), validUntilMs: now + 1_500))
                let coupon = try await client.issueCoupon(policy: 2, user: 1)
                #expect(try await eventually { try await client.coupon(coupon.id).state == .expired })
                #expect(await fault { try await client.useCoupon(coupon.id, user: 1) }?.refusal == .expired)
                #expect(await fault { try await client.issueCoupon(policy: 2, user: 2) }?.refusal == .ended)
            }
        }

        @Test(arguments: [1, 2]) func batchesDecideEachForItself(_ shards: Int) async throws {
            try await withTimesale(["--shards", "\(shards)"]) { client in
                #expect(await eventually { client.status.connections == shards })
                try await client.createPolicy(
                    NewPolicy(id: 1, name: "few", quantity: 3_000, discount: .fixed(100)))
                var requests = (1...4_000).map { CouponRequest(policy: 1, user: UserID(UInt64($0))) }
                requests[5].policy = 2
                let results = await client.issueCoupons(requests)
                var issued: [CouponID] = []
                for (request, result) in zip(requests, results) {
                    switch result {
                    case .success(let coupon):
                        #expect(coupon.id == request.id && coupon.user == request.user)
                        issued.append(coupon.id)
                    case .failure(let error):
                        #expect(error.refusal == (request.policy == 2 ? .notFound : .exhausted))
                    }
                }
                // A success reply is an issue, and there are no others.
                #expect(issued.count == 3_000)
                let policy = try await client.policy(1)
                #expect(policy.issued == 3_000 && policy.remaining == 0 && policy.state == .exhausted)
                #expect(try await client.stats().allSatisfy { $0.forwarded == 0 })
            }
        }

        @Test func listsPageByPage() async throws {
            try await withTimesale { client in
                for number in 1...5 as ClosedRange<UInt64> {
                    try await client.createPolicy(
                        NewPolicy(
                            id: PolicyID(number), name: "\(number)", quantity: 100, discount: .fixed(1),
                            perUserLimit: nil))
                }
                try await client.closePolicy(3)
                let first = try await client.policies(limit: 2)
                #expect(first.policies.map(\.id) == [1, 2] && first.next == 2)
                #expect(try await client.policies([.closed]).policies.map(\.id) == [3])
                var seen: [PolicyID] = []
                for try await policy in client.allPolicies(pageLimit: 2) { seen.append(policy.id) }
                #expect(seen == [1, 2, 3, 4, 5])
                #expect(await fault { try await client.policies(after: 99) }?.refusal == .notFound)

                var issued: [CouponID] = []
                for _ in 0..<7 { issued.append(try await client.issueCoupon(policy: 1, user: 42).id) }
                try await client.useCoupon(issued[2], user: 42)
                var listed: [CouponID] = []
                for try await coupon in client.allCoupons(of: 42, pageLimit: 3) { listed.append(coupon.id) }
                #expect(listed == issued.reversed())
                #expect(try await client.coupons(of: 42, [.used]).coupons.map(\.id) == [issued[2]])
                #expect(try await client.coupons(of: 42, [.issued]).coupons.count == 6)
                #expect(try await client.coupons(of: 43).coupons.isEmpty)
                #expect(
                    await fault { try await client.coupons(of: 42, after: .mint(for: 42)) }?.refusal
                        == .notFound)
                #expect(
                    await fault { try await client.coupons(of: 42, limit: 1001) } == .invalidArgument(.limit))
            }
        }

        @Test func onlyAnAdminMayCreatePolicies() async throws {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID())")
            try Data("shop a-shop-token-of-24-bytes\nadmin an-admin-token-of-25-bytes\n".utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            defer { try? FileManager.default.removeItem(at: file) }
            try await withTimesaleServer(["--token-file", file.path]) { server in
                let admin = try await server.client { $0.token = "an-admin-token-of-25-bytes" }
                let policy = NewPolicy(id: 1, name: "any", quantity: 1, discount: .fixed(1))
                try await admin.createPolicy(policy)
                let shop = try await server.client { $0.token = "a-shop-token-of-24-bytes" }
                #expect(await fault { try await shop.createPolicy(policy) }?.refusal == .forbidden)
                #expect(await fault { try await shop.restockPolicy(1, quantity: 1) }?.refusal == .forbidden)
                #expect(await fault { try await shop.closePolicy(1) }?.refusal == .forbidden)
                #expect(try await shop.issueCoupon(policy: 1, user: 1).state == .issued)
                await admin.shutdown()
                await shop.shutdown()
            }
        }

        // MARK: Certainty

        @Test func anUnknownOutcomeTellsItsId() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client()
            let (coupon, operation) = (CouponID.mint(for: 1), CouponOperationID.mint(for: 1))
            #expect(
                await fault { try await client.issueCoupon(policy: 1, user: 1, id: coupon, timeoutMs: 200) }
                    == .outcomeUnknown(UnknownOutcome(cause: .timedOut, subject: .coupon(coupon))))
            let unknown = UnknownOutcome(cause: .timedOut, subject: .couponOperation(operation))
            #expect(
                await fault { try await client.useCoupon(coupon, user: 1, use: operation, timeoutMs: 200) }
                    == .outcomeUnknown(unknown))
            #expect(
                await fault {
                    try await client.restoreCoupon(coupon, user: 1, restore: operation, timeoutMs: 200)
                }
                    == .outcomeUnknown(unknown))
            let creation = OperationID.mint()
            let policy = NewPolicy(id: 1, name: "any", quantity: 1, discount: .fixed(1))
            #expect(
                await fault { try await client.createPolicy(policy, operation: creation, timeoutMs: 200) }
                    == .outcomeUnknown(UnknownOutcome(cause: .timedOut, subject: .operation(creation))))
            #expect(await fault { try await client.coupon(coupon, timeoutMs: 200) } == .timedOut)
            await client.shutdown(withinMs: 0)
        }

        /// Exhausted for the second attempt says nothing about the first, as long as the server that got it lives. That
        /// the user has had its coupon holds for both: one that was issued is never taken back.
        @Test(arguments: [
            (ResultCode.exhausted, true, false), (.exhausted, false, true), (.alreadyIssued, true, true),
            (.closed, true, true),
        ])
        func aRefusalAfterALoss(_ code: ResultCode, _ isSameRun: Bool, _ isCertain: Bool) async {
            let server = ScriptedServer(instance: { isSameRun ? 1 : UInt64($0 + 1) }) { request in
                guard request.number > 0 else { return .hangUp }
                return request.results { _ in
                    CouponResult(code: code, state: 0, flags: 0, issuedAtMs: 0, expiresAtMs: 0)
                }
            }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.issueCoupon(policy: 1, user: 1) }
            #expect((error?.refusal != nil) == isCertain && (error?.mayHaveHappened == true) == !isCertain)
            let bodies = server.requests.map(\.body)
            #expect(bodies.count == 2 && Set(bodies).count == 1, "sent again unchanged")
            await client.shutdown()
        }
    }
}

import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows checkouts through the client against a real server: every operation, what becomes of the parts, and which
    /// part a refusal names.
    @Suite struct CheckoutTests {
        /// Sale 1 holds, sale 2 does not; user 42 has a coupon of ten per cent and 500 points.
        private func stock(_ client: TimesaleClient, holdMs: UInt32 = 600_000) async throws -> CouponID {
            try await client.createSale(
                NewSale(id: 1, name: "lamps", stock: 10, perUserLimit: 4, holdMs: holdMs, unitPrice: 1_000))
            try await client.createSale(NewSale(id: 2, name: "bulbs", stock: 5, unitPrice: 250))
            try await client.createPolicy(
                NewPolicy(id: 1, name: "ten off", quantity: 10, discount: .percent(10), minPurchase: 500))
            try await client.earnPoints(500, user: 42)
            return try await client.issueCoupon(policy: 1, user: 42).id
        }

        @Test(arguments: [1, 2]) func fromPlacingToRefund(_ shards: Int) async throws {
            try await withTimesale(["--shards", "\(shards)"]) { client in
                let coupon = try await stock(client)
                let id = CheckoutID.mint(for: 42)
                let earnExpiresAtMs = wallClockMs() + 3_600_000
                let request = CheckoutRequest(
                    [.init(sale: 1, quantity: 2), .init(sale: 2), .init(sale: 1)], user: 42, coupon: coupon,
                    usePoints: 100, earnPoints: 28, earnExpiresAtMs: earnExpiresAtMs, id: id)
                let held = try await client.checkout(request)
                #expect(held.id == id && held.user == 42 && held.state == .held && held.coupon == coupon)
                #expect(held.orders.map(\.sale) == [1, 2] && held.orders.map(\.quantity) == [3, 1])
                #expect(held.orders.map(\.id) == [id.order(0), id.order(1)])
                #expect(held.subtotal == 3_250 && held.discount == 325 && held.pointsUsed == 100)
                #expect(held.toPay == 2_825 && held.pointsEarned == 28)
                #expect(held.earnExpiresAtMs == earnExpiresAtMs)
                #expect(held.expiresAtMs == held.createdAtMs + 600_000)
                #expect(!held.isRepeat && !held.isLateConfirm)
                try await partsAreOnesOf(held, client)

                // Lines of one sale are summed, so this is the same.
                let again = try await client.checkout(
                    [.init(sale: 1, quantity: 3), .init(sale: 2)], user: 42, coupon: coupon, usePoints: 100,
                    earnPoints: 28, earnExpiresAtMs: earnExpiresAtMs, id: id)
                var asRepeat = held
                asRepeat.isRepeat = true
                #expect(again == asRepeat)
                let other = CheckoutRequest([.init(sale: 1)], user: 42, id: id)
                #expect(
                    await fault { try await client.checkout(other) } == .refused(.idReused, retryAfterMs: 0))

                let confirmed = try await client.confirmCheckout(id)
                #expect(confirmed.state == .confirmed && confirmed.expiresAtMs == nil && !confirmed.isLateConfirm)
                #expect(confirmed.toPay == 2_825 && !confirmed.isRepeat)
                #expect(try await client.confirmCheckout(id).isRepeat)
                #expect(try await client.checkout(id) == confirmed)
                #expect(try await client.points(of: 42).points == 428)
                let earning = try await client.transaction(id.pointsEarning)
                #expect(earning.kind == .earning && earning.amount == 28 && earning.isPartOfCheckout)
                #expect(earning.expiresAtMs == earnExpiresAtMs)
                #expect(try await client.sale(1).sold == 3)

                // Its parts count with the others of their kind; each shard tells as it last heard.
                let isCounted = try await eventually {
                    let stats = try await client.stats()
                    func sum(_ value: (ShardStats) -> UInt64) -> UInt64 { stats.reduce(0) { $0 + value($1) } }
                    return sum(\.couponUses) == 1 && sum(\.pointUses) == 1 && sum(\.pointEarnings) == 2
                        && sum(\.confirms) == 2
                }
                #expect(isCounted)

                let cancelled = try #require(try await cancel(id, client))
                #expect(cancelled.state == .cancelled && !cancelled.isRepeat)
                #expect(try await cancel(id, client)?.isRepeat == true)
                #expect(try await client.checkout(id).state == .cancelled)
                #expect(try await client.points(of: 42).points == 500)
                #expect(try await client.coupon(coupon).state == .issued)
                #expect(try await client.order(id.order(0)).state == .cancelled)
                // What is left is held by the order that is none of the checkout's.
                #expect(try await eventually { try await client.sale(1).available == 9 })
                #expect(
                    await fault { try await client.confirmCheckout(id) } == .refused(.cancelled, retryAfterMs: 0))
                #expect(try await client.checkout(request).state == .cancelled, "a repeat tells the state now")
            }
        }

        /// Cancels a checkout that the server knows; nil if it did not.
        private func cancel(_ id: CheckoutID, _ client: TimesaleClient) async throws -> Checkout? {
            if case .checkout(let checkout) = try await client.cancelCheckout(id) { checkout } else { nil }
        }

        /// The parts of a held checkout are there, under the ids that follow from its own, and end only with it.
        private func partsAreOnesOf(_ held: Checkout, _ client: TimesaleClient) async throws {
            let order = try await client.order(held.orders[0].id)
            #expect(order.isPartOfCheckout && order.state == .held && order.quantity == 3 && order.sale == 1)
            #expect(try await client.order(held.orders[1].id).state == .held, "also of a sale that does not hold")
            let coupon = try #require(held.coupon)
            let use = try await client.coupon(coupon)
            #expect(use.state == .used && use.use?.discount == 325 && use.use?.purchaseAmount == 3_250)
            #expect(use.use?.order == OrderID(high: held.id.high, low: held.id.low))
            let pointsUse = try #require(held.pointsUse)
            let points = try await client.transaction(pointsUse)
            #expect(points.isPartOfCheckout && points.kind == .use && points.amount == 100)
            #expect(points.balance == 400)
            let pointsEarning = try #require(held.pointsEarning)
            #expect(
                await fault { try await client.transaction(pointsEarning) }?.refusal == .notFound,
                "posted when it is confirmed")

            let refusals = [
                await fault { try await client.confirm(order.id) },
                await fault { try await client.cancel(order.id) },
                await fault { try await client.extend(order.id, untilMs: wallClockMs() + 3_600_000) },
                await fault { try await client.restoreCoupon(coupon, user: 42) },
                await fault { try await client.cancelTransaction(pointsUse) },
            ]
            #expect(refusals.allSatisfy { $0?.refusal == .partOfCheckout }, "\(refusals)")
            // The ids of the parts are used ids for all others.
            #expect(
                await fault { try await client.order(sale: 2, user: 42, id: held.id.order(1)) }?.refusal
                    == .idReused)
            let useId = try #require(held.couponUse)
            #expect(
                await fault { try await client.useCoupon(coupon, user: 42, purchaseAmount: 3_250, use: useId) }?
                    .refusal == .idReused)
            // An order of its own is none of a checkout.
            #expect(try await client.order(sale: 1, user: 7).isPartOfCheckout == false)
        }

        @Test func withoutHoldsItIsConfirmedAtOnce() async throws {
            try await withTimesale { client in
                _ = try await stock(client)
                let checkout = try await client.checkout([.init(sale: 2, quantity: 2)], user: 1, earnPoints: 5)
                #expect(checkout.state == .confirmed && checkout.expiresAtMs == nil)
                #expect(checkout.coupon == nil && checkout.couponUse == nil && checkout.pointsUse == nil)
                #expect(checkout.subtotal == 500 && checkout.discount == 0 && checkout.toPay == 500)
                #expect(checkout.pointsEarning == checkout.id.pointsEarning && checkout.earnExpiresAtMs == nil)
                #expect(try await client.points(of: 1).points == 5)
            }
        }

        @Test func aRefusalNamesItsPart() async throws {
            try await withTimesale { client in
                let coupon = try await stock(client)
                try await client.createSale(NewSale(id: 3, name: "shut", stock: 1))
                try await client.close(3)
                let used = try await client.issueCoupon(policy: 1, user: 43).id
                try await client.useCoupon(used, user: 43, purchaseAmount: 500)
                let past = wallClockMs() - 1
                func request(
                    _ change: (inout CheckoutRequest) -> Void
                ) -> CheckoutRequest {
                    var request = CheckoutRequest(
                        [.init(sale: 1), .init(sale: 2)], user: 42, coupon: coupon, usePoints: 100)
                    change(&request)
                    return request
                }
                let cases: [(CheckoutRequest, TimesaleError)] = [
                    (request { $0.lines[1].sale = 9 }, .partRefused(.line(1), .notFound)),
                    (request { $0.lines.append(.init(sale: 3)) }, .partRefused(.line(2), .closed)),
                    (request { $0.lines[0].quantity = 0 }, .partRefused(.line(0), .invalid)),
                    (request { $0.lines[0].quantity = 5 }, .partRefused(.line(0), .limitExceeded)),
                    (request { $0.lines[1].quantity = 6 }, .partRefused(.line(1), .soldOut)),
                    (
                        request { $0.lines.append(.init(sale: 1, quantity: 4)) },
                        .partRefused(.line(2), .limitExceeded)
                    ),
                    (request { $0.coupon = .mint(for: 42) }, .partRefused(.coupon, .notFound)),
                    (request { $0.coupon = used }, .partRefused(.coupon, .notOwner)),
                    (request { $0.lines = [.init(sale: 2)] }, .partRefused(.coupon, .minPurchase)),
                    (request { $0.usePoints = 501 }, .partRefused(.pointsUsed, .insufficientPoints)),
                    (request { $0.usePoints = 1_126 }, .partRefused(.pointsUsed, .invalid)),
                    (
                        request {
                            $0.earnPoints = 1
                            $0.earnExpiresAtMs = past
                        }, .partRefused(.pointsEarned, .expired)
                    ),
                    (request { $0.earnPoints = 1_000_000_001 }, .partRefused(.pointsEarned, .invalid)),
                    (request { $0.id = .mint(for: 43) }, .refused(.wrongPartition, retryAfterMs: 0)),
                    (request { $0.id = .init(high: 1, low: 1) }, .refused(.invalidId, retryAfterMs: 0)),
                    (request { $0.lines = [] }, .invalidArgument(.lines)),
                    (
                        request { $0.lines = (1...17).map { _ in .init(sale: 2) } }, .invalidArgument(.lines)
                    ),
                    (request { $0.coupon = .init(high: 0, low: 0) }, .invalidArgument(.coupon)),
                ]
                for (request, wanted) in cases {
                    #expect(await fault { try await client.checkout(request) } == wanted)
                }
                let results = await client.checkouts(cases.map(\.0))
                #expect(results == cases.map { .failure($0.1) })
                // The part's id is taken.
                let id = CheckoutID.mint(for: 42)
                try await client.cancel(id.order(1))
                #expect(
                    await fault { try await client.checkout(request { $0.id = id }) }
                        == .partRefused(.line(1), .cancelled))
                // Nothing of all that left a trace.
                #expect(try await client.sales().sales.map(\.available) == [10, 5, 1])
                #expect(try await client.points(of: 42).points == 500)
                #expect(try await client.coupon(coupon).state == .issued)
                #expect(try await client.checkout(request { _ in }).state == .held)
                let again = await fault { try await client.checkout([.init(sale: 2)], user: 42, coupon: coupon) }
                #expect(again == .partRefused(.coupon, .alreadyUsed))
            }
        }

        @Test func aCancelThatComesFirst() async throws {
            try await withTimesale { client in
                _ = try await stock(client)
                let id = CheckoutID.mint(for: 42)
                #expect(try await client.cancelCheckout(id) == .beforeCheckout(id))
                #expect(try await client.cancelCheckout(id) == .beforeCheckout(id))
                let cancelled = TimesaleError.refused(.cancelled, retryAfterMs: 0)
                #expect(
                    await fault { try await client.checkout([.init(sale: 1)], user: 42, id: id) } == cancelled)
                #expect(await fault { try await client.confirmCheckout(id) } == cancelled)
                #expect(await fault { try await client.checkout(id) } == cancelled)
                let unknown = CheckoutID.mint(for: 42)
                #expect(await fault { try await client.checkout(unknown) }?.refusal == .notFound)
                #expect(await fault { try await client.confirmCheckout(unknown) }?.refusal == .notFound)
                // The id of another thing is no checkout.
                let order = try await client.order(sale: 1, user: 42)
                let itsId = CheckoutID(high: order.id.high, low: order.id.low)
                #expect(await fault { try await client.checkout(itsId) }?.refusal == .notFound)
                #expect(await fault { try await client.cancelCheckout(itsId) }?.refusal == .notFound)
            }
        }

        /// The payment came after the hold had ended: everything is taken again, or the part that is gone is named.
        @Test func lateConfirms() async throws {
            try await withTimesale(["--grace", "0s"]) { client in
                let coupon = try await stock(client, holdMs: 200)
                func expired(_ request: CheckoutRequest) async throws -> CheckoutID {
                    let id = try await client.checkout(request).id
                    #expect(try await eventually { try await client.checkout(id).state == .expired })
                    return id
                }
                let lines = [CheckoutLine(sale: 2, quantity: 2), .init(sale: 1, quantity: 2)]
                let full = try await expired(
                    CheckoutRequest(lines, user: 42, coupon: coupon, usePoints: 500, earnPoints: 7))
                #expect(try await client.points(of: 42).points == 500)
                #expect(try await client.coupon(coupon).state == .issued)

                try await client.usePoints(1, user: 42)
                let points = TimesaleError.partRefused(.pointsUsed, .expired)
                #expect(await fault { try await client.confirmCheckout(full) } == points)
                try await client.earnPoints(1, user: 42)
                let use = CouponOperationID.mint(for: 42)
                try await client.useCoupon(coupon, user: 42, purchaseAmount: 500, use: use)
                #expect(
                    await fault { try await client.confirmCheckout(full) } == .partRefused(.coupon, .expired))
                try await client.restoreCoupon(coupon, user: 42)
                let rival = try await client.checkout([.init(sale: 2, quantity: 4)], user: 1)
                #expect(
                    await fault { try await client.confirmCheckout(full) } == .partRefused(.order(0), .expired))
                try await client.cancelCheckout(rival.id)

                #expect(try await client.checkout(full).state == .expired)
                let late = try await client.confirmCheckout(full)
                #expect(late.state == .confirmed && late.isLateConfirm && !late.isRepeat && late.toPay == 1_750)
                #expect(try await client.points(of: 42).points == 7)
                #expect(try await client.coupon(coupon).state == .used)
                #expect(try await client.checkout(full).isLateConfirm)
                #expect(try await client.order(full.order(1)).isLateConfirm)

                // Cancelled after its end, it cannot be confirmed late any more.
                let gone = try await expired(CheckoutRequest([.init(sale: 1)], user: 1))
                #expect(try await cancel(gone, client)?.state == .cancelled)
                #expect(await fault { try await client.confirmCheckout(gone) }?.refusal == .cancelled)
            }
        }

        @Test func aRefundThatIsSpent() async throws {
            try await withTimesale { client in
                _ = try await stock(client)
                let id = try await client.checkout([.init(sale: 2)], user: 1, earnPoints: 10).id
                let use = try await client.usePoints(1, user: 1).id
                #expect(
                    await fault { try await client.cancelCheckout(id) }
                        == .partRefused(.pointsEarned, .alreadySpent))
                #expect(try await client.checkout(id).state == .confirmed)
                try await client.cancelTransaction(use)
                #expect(try await cancel(id, client)?.state == .cancelled)
                #expect(try await client.points(of: 1).points == 0)
            }
        }

        /// More than one frame takes, over all shards, each for itself.
        @Test(arguments: [1, 2, 3]) func batchesDecideEachForItself(_ shards: Int) async throws {
            try await withTimesale(["--shards", "\(shards)"]) { client in
                #expect(await eventually { client.status.connections == shards })
                try await client.createSale(NewSale(id: 1, name: "a", stock: 500, holdMs: 600_000, unitPrice: 3))
                try await client.createSale(NewSale(id: 2, name: "b", stock: 10_000, unitPrice: 2))
                var requests = (1...700).map {
                    CheckoutRequest([.init(sale: 2, quantity: 2), .init(sale: 1)], user: UserID($0))
                }
                requests[3].lines = []
                requests[4].lines[0].sale = 9
                let results = await client.checkouts(requests)
                var held: [CheckoutID] = []
                for (index, (request, result)) in zip(requests, results).enumerated() {
                    switch result {
                    case .success(let checkout):
                        #expect(checkout.id == request.id && checkout.user == request.user)
                        #expect(checkout.toPay == 7 && checkout.state == .held)
                        held.append(checkout.id)
                    case .failure(.invalidArgument(.lines)): #expect(index == 3)
                    case .failure(.partRefused(.line(0), .notFound)): #expect(index == 4)
                    case .failure(let error): #expect(error == .partRefused(.line(1), .soldOut))
                    }
                }
                // A success reply is a checkout, and there are no others.
                #expect(held.count == 500)
                #expect(try await client.sales().sales.map(\.held) == [500, 1_000])
                let confirmed = await client.confirmCheckouts(held)
                #expect(confirmed.allSatisfy { (try? $0.get())?.state == .confirmed })
                #expect(try await client.sales().sales.map(\.sold) == [500, 1_000])
                let cancelled = await client.cancelCheckouts(held)
                for case .success(.beforeCheckout(let id)) in cancelled { Issue.record("\(id) is known") }
                #expect(cancelled.allSatisfy { (try? $0.get()) != nil })
                #expect(
                    try await eventually {
                        try await client.sales().sales.map(\.available) == [500, 10_000]
                    })
                // A shard tells the counters of the others as it last heard of them.
                let isCounted = try await eventually {
                    let stats = try await client.stats()
                    func sum(_ value: (ShardStats) -> UInt64) -> UInt64 { stats.reduce(0) { $0 + value($1) } }
                    return sum(\.checkoutsPlaced) == 500 && sum(\.checkoutConfirms) == 500
                        && sum(\.checkoutCancels) == 500 && sum(\.checkoutsRemembered) == 500
                        && sum(\.checkoutExpiries) == 0 && sum(\.ordersAccepted) == 1_000
                }
                #expect(isCounted)
                #expect(try await client.stats().allSatisfy { $0.forwarded == 0 })
            }
        }

        /// An outcome is settled with the same id also after a crash.
        @Test func theSameIdAfterACrash() async throws {
            try await withTimesaleServer(["--shards", "2"]) { server in
                let client = try await server.client()
                let coupon = try await stock(client)
                let request = CheckoutRequest(
                    [.init(sale: 1, quantity: 2), .init(sale: 2)], user: 42, coupon: coupon, usePoints: 50,
                    earnPoints: 9)
                let placed = try await client.checkout(request)
                await server.kill()
                try await server.restart()
                var again = try await client.checkout(request)
                #expect(again.isRepeat && again.state == .held)
                // The grace of the new start may have moved the end of the hold.
                again.isRepeat = false
                again.expiresAtMs = placed.expiresAtMs
                #expect(again == placed)
                #expect(try await client.confirmCheckout(placed.id).state == .confirmed)
                #expect(try await client.points(of: 42).points == 459)
                await client.shutdown()
            }
        }

        @Test func aFullTableOfCheckouts() async throws {
            try await withTimesale(["--checkouts", "2"]) { client in
                _ = try await stock(client)
                for user in 1...2 as ClosedRange<UInt64> {
                    try await client.checkout([.init(sale: 2)], user: UserID(user))
                }
                let error = await fault { try await client.checkout([.init(sale: 2)], user: 3) }
                #expect(error?.refusal == .capacity && error?.isRetryable == true)
                #expect(try await client.stats().map(\.checkoutsCapacity) == [2])
                // Orders have a table of their own.
                try await client.order(sale: 2, user: 3)
            }
        }
    }
}

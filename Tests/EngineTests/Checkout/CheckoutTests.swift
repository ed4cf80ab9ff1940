import Protocol
import Testing

@testable import Engine

/// Checkouts, one rule at a time: what they cost, how they end as a whole, what their parts refuse.
@Suite struct CheckoutTests {
    private let alice = user(1)

    private func state(_ cluster: Cluster, _ id: Id128) -> OrderState? {
        OrderState(rawValue: cluster.getCheckout(id).result.state)
    }

    // MARK: Orders

    @Test func linesOfOneSaleAreOneOrder() {
        let cluster = Cluster()
        cluster.sell(7, stock: 10)
        cluster.sell(8, stock: 10)
        let reply = cluster.checkout(alice, [(8, 2), (7, 1), (8, 3)]).result
        #expect(reply.code == .ok && reply.failedAt == .whole && reply.orderCount == 2)
        #expect(reply.orders.first(2) == [CheckoutLine(saleId: 8, quantity: 5), CheckoutLine(saleId: 7, quantity: 1)])
        #expect(reply.subtotal == 6 * 990 && reply.toPay == 6 * 990 && reply.discount == 0)
        #expect(reply.expiresAtMs == cluster.nowMs + 60_000)
        let orders = (0..<2).map { cluster.get(reply.checkoutId.ofPart(.line($0))).result }
        #expect(orders.map(\.saleId) == [8, 7] && orders.map(\.quantity) == [5, 1])
        #expect(orders.allSatisfy { $0.code == .ok && $0.flags == ResultFlags.ofCheckout })
        #expect(cluster.list(alice).orders.map(\.orderId) == orders.map(\.orderId).reversed())
        #expect(cluster.totals(8) == StockTotals(available: 5, held: 5, sold: 0))
        #expect(cluster.totals(7) == StockTotals(available: 9, held: 1, sold: 0))
        #expect(cluster.openHolds() == 1, "one timer for the whole")
    }

    /// Held if any of its sales holds, until the first of them would end; confirmed at once if none does.
    @Test func theShortestHoldIsThatOfAll() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, holdMs: 0)
        cluster.sell(2, stock: 10, holdMs: 5000)
        cluster.sell(3, stock: 10, holdMs: 3000)
        let atOnce = cluster.checkout(alice, [(1, 1)], earn: 20).result
        #expect(atOnce.state == OrderState.confirmed.rawValue && atOnce.expiresAtMs == 0)
        #expect(cluster.balance(alice).balance == 20)
        let held = cluster.checkout(alice, [(1, 1), (2, 1), (3, 1)], earn: 30).result
        #expect(held.state == OrderState.held.rawValue && held.expiresAtMs == cluster.nowMs + 3000)
        for number in 0..<3 {
            let order = cluster.get(held.checkoutId.ofPart(.line(number))).result
            #expect(order.state == OrderState.held.rawValue && order.expiresAtMs == cluster.nowMs + 3000)
        }
        #expect(cluster.totals(1) == StockTotals(available: 8, held: 1, sold: 1))
        #expect(cluster.balance(alice).balance == 20, "points to earn are posted at confirm")
        cluster.advance(byMs: 2999)
        #expect(state(cluster, held.checkoutId) == .held)
        cluster.advance(byMs: 1)
        #expect(state(cluster, held.checkoutId) == .expired && cluster.openHolds() == 0)
        #expect(cluster.totals(1) == StockTotals(available: 9, held: 0, sold: 1))
    }

    // MARK: Amounts

    @Test func pointsPayWhatIsLeft() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        _ = cluster.earn(alice, 5000)
        let reply = cluster.checkout(alice, [(1, 2)], use: 1980).result
        #expect(reply.subtotal == 1980 && reply.pointsUsed == 1980 && reply.toPay == 0)
        #expect(cluster.balance(alice).balance == 3020)
        let tooMany = cluster.checkout(alice, [(1, 1)], use: 991).result
        #expect(tooMany.code == .invalid && tooMany.failedAt == .pointsUsed)
        #expect(cluster.balance(alice).balance == 3020)
    }

    /// The discount is that of a use of the coupon for the subtotal; percentages round down.
    @Test(arguments: [
        (fixed: 500, percent: 0, most: 0, discount: 500), (fixed: 5000, percent: 0, most: 0, discount: 2973),
        (fixed: nil, percent: 15, most: 0, discount: 445), (fixed: nil, percent: 15, most: 444, discount: 444),
        (fixed: nil, percent: 100, most: 0, discount: 2973), (fixed: nil, percent: 1, most: 0, discount: 29),
    ] as [(UInt64?, UInt64, UInt64, UInt64)])
    func aCouponTakesItsDiscount(_ fixed: UInt64?, _ percent: UInt64, _ most: UInt64, _ discount: UInt64) {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, price: 991)
        cluster.offer(5, quantity: 9, fixed: fixed, percent: percent, maxDiscount: most)
        _ = cluster.earn(alice, 5000)
        let coupon = cluster.claim(alice, 5)
        let left = UInt32(2973 - discount)
        let tooMany = cluster.checkout(alice, [(1, 3)], coupon: coupon, use: left + 1).result
        #expect(tooMany.code == .invalid && tooMany.failedAt == .pointsUsed)
        let reply = cluster.checkout(alice, [(1, 3)], coupon: coupon, use: left).result
        #expect(reply.code == .ok && reply.couponId == coupon)
        #expect(reply.subtotal == 2973 && reply.discount == discount && reply.toPay == 0)
        let used = cluster.coupon(coupon).result
        #expect(used.state == CouponState.used.rawValue && used.orderId == reply.checkoutId)
        #expect(used.discount == discount && used.purchaseAmount == 2973 && used.usedAtMs == cluster.nowMs)
        #expect(cluster.policy(5).result.used == 1)
    }

    /// Nothing to pay is an amount too: a coupon takes nothing from it.
    @Test func aCouponForNothing() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, price: 0)
        cluster.offer(5, quantity: 9, limit: 2)
        cluster.offer(6, quantity: 9, minPurchase: 1)
        let reply = cluster.checkout(alice, [(1, 3)], coupon: cluster.claim(alice, 5)).result
        #expect(reply.code == .ok && reply.subtotal == 0 && reply.discount == 0 && reply.toPay == 0)
        let refused = cluster.checkout(alice, [(1, 3)], coupon: cluster.claim(alice, 6)).result
        #expect(refused.code == .minPurchase && refused.failedAt == .coupon)
    }

    /// Full width: a percentage of an amount whose hundredfold passes 64 bits.
    @Test func aPercentageOfAGreatAmount() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10_000_000, price: 1 << 44)
        cluster.offer(5, quantity: 9, fixed: nil, percent: 99)
        let reply = cluster.checkout(alice, [(1, 1_000_000)], coupon: cluster.claim(alice, 5)).result
        let subtotal: UInt64 = (1 << 44) * 1_000_000
        #expect(reply.subtotal == subtotal && reply.discount == subtotal / 100 * 99 + subtotal % 100 * 99 / 100)
    }

    @Test func amountsThatOverflowAreInvalid() {
        let cluster = Cluster()
        for (sale, price) in [(1, (1 << 53) - 1), (2, 1 << 44), (3, 1)] as [(UInt64, UInt64)] {
            cluster.sell(sale, stock: 10_000_000, price: price)
        }
        // A line by itself, and the sum of two that fit.
        let product = cluster.checkout(alice, [(3, 1), (1, 1_000_000)]).result
        #expect(product.code == .invalid && product.failedAt == .line(1))
        let sum = cluster.checkout(alice, [(2, 1_000_000), (3, 9), (2, 1), (1, 1000), (1, 1000)]).result
        #expect(sum.code == .invalid && sum.failedAt == .line(2), "more than a million units of one sale")
        let most = cluster.checkout(alice, [(2, 1_000_000), (1, 94), (3, 1_000_000)]).result
        #expect(most.code == .ok)
        let subtotal: UInt64 = (1 << 44) * 1_000_000 + ((1 << 53) - 1) * 94 + 1_000_000
        #expect(most.subtotal == subtotal)
        let over = cluster.checkout(alice, [(2, 1_000_000), (1, 95)]).result
        #expect(over.code == .invalid && over.failedAt == .line(1))
    }

    // MARK: Ends

    @Test func aConfirmPostsWhatIsEarned() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        _ = cluster.earn(alice, 300)
        let expiresAtMs = cluster.nowMs + 100_000
        let id = cluster.checkout(
            alice, [(1, 1), (2, 2)], use: 200, earn: 29, earnExpiresAtMs: expiresAtMs).result.checkoutId
        #expect(cluster.balance(alice).balance == 100)
        cluster.nowMs += 1000
        let reply = cluster.confirmCheckout(id).result
        #expect(reply.code == .ok && reply.state == OrderState.confirmed.rawValue && reply.expiresAtMs == 0)
        #expect(reply.toPay == 2970 - 200 && reply.pointsEarned == 29 && reply.earnExpiresAtMs == expiresAtMs)
        #expect(cluster.balance(alice).balance == 129 && cluster.balance(alice).nextExpiryMs == expiresAtMs)
        let history = cluster.history(alice)
        #expect(history.map(\.transactionId).prefix(2) == [id.ofPart(.pointsEarned), id.ofPart(.pointsUsed)])
        #expect(history[0].createdAtMs == cluster.nowMs && history[0].flags == ResultFlags.ofCheckout)
        #expect(cluster.totals(2) == StockTotals(available: 8, held: 0, sold: 2))
        let again = cluster.confirmCheckout(id).result
        #expect(again.code == .ok && again.flags == ResultFlags.repeat && cluster.balance(alice).balance == 129)
    }

    @Test(arguments: [false, true]) func aCancelGivesEverythingBack(isConfirmed: Bool) {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, limit: 3)
        cluster.sell(2, stock: 10)
        let lot = cluster.mint(alice)
        _ = cluster.earn(alice, 300, expiresAtMs: cluster.nowMs + 50_000, id: lot)
        cluster.offer(5, quantity: 9, validUntilMs: cluster.nowMs + 50_000)
        let coupon = cluster.claim(alice, 5)
        let id = cluster.buy(alice, [(1, 3), (2, 2)], coupon: coupon, use: 200, earn: 29)
        if isConfirmed { _ = cluster.confirmCheckout(id) }
        let reply = cluster.cancelCheckout(id).result
        #expect(reply.code == .ok && reply.state == OrderState.cancelled.rawValue && reply.flags == 0)
        #expect(cluster.balance(alice).balance == 300)
        #expect(cluster.getTransaction(lot).result.remaining == 300, "into the lot that it came from")
        #expect(cluster.coupon(coupon).result.state == CouponState.issued.rawValue)
        #expect(cluster.policy(5).result.used == 0 && cluster.policy(5).result.issued == 1)
        #expect(cluster.totals(1) == StockTotals(available: 10, held: 0, sold: 0))
        #expect(cluster.totals(2) == StockTotals(available: 10, held: 0, sold: 0))
        #expect(cluster.order(alice, 1, 3).result.code == .ok, "the limit is free again")
        #expect(cluster.cancelCheckout(id).result.flags == ResultFlags.repeat)
        #expect(cluster.confirmCheckout(id).result.code == .cancelled)
        cluster.nowMs += 50_000
        #expect(cluster.balance(alice).balance == 0, "returned points keep their expiry")
        #expect(cluster.coupon(coupon).result.state == CouponState.expired.rawValue, "and so does the coupon")
    }

    @Test func whatWasEarnedAndSpentKeepsACheckout() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let id = cluster.buy(alice, [(1, 1)], earn: 29)
        _ = cluster.confirmCheckout(id)
        let use = cluster.mint(alice)
        _ = cluster.use(alice, 1, id: use)
        let before = cluster.trace
        let refused = cluster.cancelCheckout(id).result
        #expect(refused.code == .alreadySpent && refused.failedAt == .pointsEarned)
        #expect(refused.state == OrderState.confirmed.rawValue)
        #expect(cluster.trace == before)
        _ = cluster.cancelTransaction(use)
        #expect(cluster.cancelCheckout(id).result.code == .ok)
        #expect(cluster.balance(alice).balance == 0 && cluster.balance(alice).lots == 0)
        #expect(cluster.getTransaction(id.ofPart(.pointsEarned)).result.state == TransactionState.cancelled.rawValue)
    }

    @Test func anExpiryGivesEverythingBackAndACancelIsFinal() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        _ = cluster.earn(alice, 300)
        cluster.offer(5, quantity: 9)
        let coupon = cluster.claim(alice, 5)
        let id = cluster.buy(alice, [(1, 1), (2, 2)], coupon: coupon, use: 200, earn: 29)
        cluster.advance(byMs: 60_000)
        #expect(state(cluster, id) == .expired)
        #expect(cluster.balance(alice).balance == 300)
        #expect(cluster.use(alice, coupon: coupon, amount: 600).result.code == .ok, "the coupon is free again")
        _ = cluster.restore(alice, coupon: coupon)
        #expect(cluster.totals(2) == StockTotals(available: 10, held: 0, sold: 0))
        #expect(cluster.cancelCheckout(id).result.code == .ok)
        #expect(cluster.confirmCheckout(id).result.code == .cancelled)
        #expect(cluster.balance(alice).balance == 300)
    }

    // MARK: Parts

    @Test(arguments: [OrderState.held, .confirmed, .expired, .cancelled])
    func partsEndOnlyWithTheirCheckout(state: OrderState) {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        _ = cluster.earn(alice, 300)
        cluster.offer(5, quantity: 9)
        let coupon = cluster.claim(alice, 5)
        let id = cluster.buy(alice, [(1, 1), (2, 2)], coupon: coupon, use: 200, earn: 29)
        switch state {
        case .held: break
        case .confirmed: _ = cluster.confirmCheckout(id)
        case .expired: cluster.advance(byMs: 60_000)
        case .cancelled: _ = cluster.cancelCheckout(id)
        }
        let before = cluster.trace
        for number in 0..<2 {
            let order = id.ofPart(.line(number))
            for reply in [
                cluster.confirm(order), cluster.cancel(order), cluster.extend(order, to: cluster.nowMs + 90_000),
            ] {
                #expect(reply.result.code == .partOfCheckout && reply.result.state == state.rawValue)
                #expect(reply.waitLsn == cluster.lastLsn())
            }
        }
        #expect(cluster.cancelTransaction(id.ofPart(.pointsUsed)).result.code == .partOfCheckout)
        #expect(cluster.cancelTransaction(id.ofPart(.pointsEarned)).result.code == .partOfCheckout)
        let isUsed = state == .held || state == .confirmed
        #expect(cluster.restore(alice, coupon: coupon).result.code == (isUsed ? .partOfCheckout : .notUsed))
        #expect(cluster.trace == before)
    }

    /// What a checkout is made of are used ids to everybody else, with the same content too.
    @Test func idsOfPartsAreUsedIds() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        _ = cluster.earn(alice, 300)
        cluster.offer(5, quantity: 9, limit: 0)
        let coupon = cluster.claim(alice, 5)
        let id = cluster.buy(alice, [(1, 1)], coupon: coupon, use: 200, earn: 29)
        for round in 0..<2 {
            let ids = [
                id, id.ofPart(.line(0)), id.ofPart(.coupon), id.ofPart(.pointsUsed), id.ofPart(.pointsEarned),
            ]
            for taken in ids {
                #expect(cluster.order(alice, 1, 1, id: taken).result.code == .idReused, "round \(round)")
                #expect(cluster.use(alice, 200, id: taken).result.code == .idReused)
                #expect(cluster.earn(alice, 29, id: taken).result.code == .idReused)
                #expect(cluster.issue(alice, 5, id: taken).result.code == .idReused)
                let use = cluster.use(alice, coupon: coupon, amount: 990, order: id, id: taken).result
                #expect(use.code == .idReused)
                #expect(cluster.restore(alice, coupon: coupon, id: taken).result.code == .idReused)
                if taken != id { #expect(cluster.checkout(alice, [(1, 1)], id: taken).result.code == .idReused) }
                if taken != id { #expect(cluster.confirmCheckout(taken).result.code == .notFound) }
                if taken != id { #expect(cluster.cancelCheckout(taken).result.code == .notFound) }
                if taken != id { #expect(cluster.getCheckout(taken).result.code == .notFound) }
            }
            #expect(cluster.getTransaction(id).result.code == .notFound)
            #expect(cluster.cancelTransaction(id).result.code == .notFound)
            #expect(cluster.get(id).result.code == .notFound && cluster.cancel(id).result.code == .notFound)
            let earning = cluster.getTransaction(id.ofPart(.pointsEarned)).result
            #expect(earning.code == (round == 0 ? .notFound : .ok), "it is there when it is posted")
            _ = cluster.confirmCheckout(id)
        }
    }

    // MARK: Repeats

    @Test func aRepeatGetsTheOriginalDecision() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        _ = cluster.earn(alice, 300)
        cluster.offer(5, quantity: 9, limit: 0)
        let coupon = cluster.claim(alice, 5)
        let entry = cluster.entry(alice, [(1, 1), (2, 2), (1, 1)], coupon: coupon, use: 200, earn: 29)
        let original = cluster.checkout(entry).result
        let before = cluster.trace
        var again = cluster.checkout(entry).result
        #expect(again.flags == ResultFlags.repeat)
        again.flags = 0
        #expect(again == original)
        // The same after summing.
        let summed = cluster.entry(alice, [(1, 2), (2, 2)], coupon: coupon, use: 200, earn: 29, id: entry.checkoutId)
        #expect(cluster.checkout(summed).result.code == .ok)
        #expect(cluster.trace == before)
        _ = cluster.confirmCheckout(entry.checkoutId)
        let later = cluster.checkout(entry).result
        #expect(later.state == OrderState.confirmed.rawValue && later.toPay == original.toPay)

        var others = [
            cluster.entry(alice, [(1, 2), (2, 3)], coupon: coupon, use: 200, earn: 29),
            cluster.entry(alice, [(2, 2), (1, 2)], coupon: coupon, use: 200, earn: 29),
            cluster.entry(alice, [(1, 2)], coupon: coupon, use: 200, earn: 29),
            cluster.entry(alice, [(1, 2), (2, 2)], coupon: coupon, use: 199, earn: 29),
            cluster.entry(alice, [(1, 2), (2, 2)], coupon: coupon, use: 200, earn: 28),
            cluster.entry(
                alice, [(1, 2), (2, 2)], coupon: coupon, use: 200, earn: 29, earnExpiresAtMs: cluster.nowMs + 9),
            cluster.entry(alice, [(1, 2), (2, 2)], use: 200, earn: 29),
            cluster.entry(alice, [(1, 2), (2, 2)], coupon: cluster.claim(alice, 5), use: 200, earn: 29),
        ]
        for index in others.indices {
            others[index].checkoutId = entry.checkoutId
            let refused = cluster.checkout(others[index])
            #expect(refused.result.code == .idReused && refused.waitLsn == cluster.lastLsn(), "other \(index)")
        }
    }

    @Test func aCancelBeforeItsCheckout() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let id = cluster.mint(alice)
        let tombstone = cluster.cancelCheckout(id).result
        #expect(tombstone.code == .ok && tombstone.flags == ResultFlags.tombstone)
        #expect(tombstone.state == OrderState.cancelled.rawValue && tombstone.createdAtMs == cluster.nowMs)
        #expect(cluster.cancelCheckout(id).result.flags == ResultFlags.tombstone | ResultFlags.repeat)
        #expect(cluster.checkout(alice, [(1, 1)], id: id).result.code == .cancelled)
        #expect(cluster.confirmCheckout(id).result.code == .cancelled)
        #expect(cluster.getCheckout(id).result.flags == ResultFlags.tombstone)
        #expect(cluster.totals(1).available == 10)
    }

    @Test func unknownIds() {
        let cluster = Cluster()
        for reply in [cluster.confirmCheckout(.zero), cluster.cancelCheckout(.zero), cluster.getCheckout(.zero)] {
            #expect(reply.result.code == .invalidId)
        }
        let id = cluster.mint(alice)
        #expect(cluster.confirmCheckout(id).result.code == .notFound)
        #expect(cluster.getCheckout(id).result.code == .notFound)
        #expect(cluster.cancelCheckout(cluster.mint(alice, agoMs: Cluster.retainMs + 1)).result.code == .idTooOld)
    }
}

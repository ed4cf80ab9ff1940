import Protocol
import Testing

@testable import Engine

/// Checkouts against a simple model, by random operations of a few users on a few sales and policies, with points and
/// coupons that they also use otherwise, repeats, conflicting ids, parts that are asked to end by themselves, and
/// restarts from the log and from snapshots on other numbers of shards. Every answer is compared, and so are units,
/// balances and histories.
@Suite struct CheckoutModelTests {
    @Test func everyAnswerIsThatOfTheModel() throws {
        var tried: [String: Int] = [:]
        for seed in 1...64 as ClosedRange<UInt64> {
            guard let run = try CheckoutRun.played(seed: seed, steps: 300) else { return }
            tried.merge(run.tried) { $0 + $1 }
        }
        let outcomes = [
            "place OK", "place ID_REUSED", "place CANCELLED", "place NOT_FOUND", "place CLOSED", "place ENDED",
            "place LIMIT_EXCEEDED", "place SOLD_OUT", "place ALREADY_USED", "place EXPIRED", "place MIN_PURCHASE",
            "place NOT_OWNER", "place INVALID", "place INSUFFICIENT_POINTS", "place OK repeat", "confirm OK",
            "confirm OK repeat", "confirm OK late", "confirm EXPIRED", "confirm CANCELLED", "cancel OK",
            "cancel OK repeat", "cancel OK tombstone", "cancel ALREADY_SPENT", "part PART_OF_CHECKOUT",
        ]
        for outcome in outcomes { #expect(tried[outcome, default: 0] > 20, "\(outcome)") }
    }
}

/// One random history.
private struct CheckoutRun: SeededRun {
    private(set) var tried: [String: Int] = [:]
    private var dice: Dice
    private var cluster: Cluster
    private var model = CheckoutModel()
    /// The last two are of one partition.
    private let users: [Id128]
    private var sent: [PlaceCheckoutEntry] = []

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        cluster = Cluster(shards: dice.pick(1...3))
        users = [user(1), user(2), user(partition: Partition.of(user: user(2)))]
        self.dice = dice
        // In the order of their numbers, and so are their slots.
        for sale in 1...5 as ClosedRange<UInt64> {
            model.sales[sale] = cluster.sell(
                sale, stock: UInt64(self.dice.pick(5...60)),
                endsAtMs: self.dice.oneIn(6) ? cluster.nowMs + UInt64(self.dice.pick(200...2000)) : 0,
                limit: self.dice.oneIn(2) ? UInt32(self.dice.pick(4...20)) : 0,
                holdMs: self.dice.oneIn(4) ? 0 : UInt32(self.dice.pick(50...400)),
                price: UInt64(self.dice.pick(1...50)))
        }
        for policy in 1...3 as ClosedRange<UInt64> {
            let isPercent = self.dice.oneIn(2)
            let entry = cluster.offer(
                policy, quantity: 200, limit: 0, fixed: isPercent ? nil : UInt64(self.dice.pick(1...60)),
                percent: UInt64(self.dice.pick(1...100)), minPurchase: self.dice.oneIn(3) ? 40 : 0,
                validUntilMs: policy == 1 ? cluster.nowMs + UInt64(self.dice.pick(500...3000)) : 0)
            model.coupons.policies[policy] = .init(terms: entry, quantity: entry.quantity)
        }
    }

    mutating func step() throws -> String? {
        switch dice.below(100) {
        case 0..<26: return place(newEntry())
        case 26..<32: return repeatOne()
        case 32..<44: return confirm()
        case 44..<56: return cancel()
        case 56..<60: return get()
        case 60..<66: return askPart()
        case 66..<78: return points()
        case 78..<88: return coupons()
        case 88..<96: advance()
        case 96..<97: closeSale()
        default: return try restart()
        }
        return nil
    }

    mutating func finish() throws -> String? { try restart() ?? compare() }

    // MARK: Checkouts

    private mutating func newEntry() -> PlaceCheckoutEntry {
        let owner = dice.pick(users)
        let lines = (0..<dice.pick(dice.oneIn(8) ? 9...16 : 1...4)).map { _ in
            CheckoutLine(
                saleId: dice.oneIn(60) ? 99 : UInt64(dice.pick(1...5)), quantity: UInt32(dice.pick(1...4)))
        }
        var coupon = Id128.zero
        if dice.oneIn(3), !model.coupons.coupons.isEmpty {
            let mine = model.coupons.coupons.filter { $0.entry.userId == owner && $0.use == nil }
            let any = mine.isEmpty || dice.oneIn(6)
            coupon = dice.pick(any ? model.coupons.coupons : mine).entry.couponId
            if dice.oneIn(15) { coupon = freshId(owner) }
        }
        let earn = dice.oneIn(2) ? 0 : UInt32(dice.pick(1...30))
        return PlaceCheckoutEntry(
            checkoutId: freshId(owner), userId: owner, couponId: coupon,
            earnExpiresAtMs: earn == 0 || dice.oneIn(2) ? 0 : cluster.nowMs - 5 + UInt64(dice.pick(1...900)),
            usePoints: dice.oneIn(2) ? 0 : UInt32(dice.pick(1...60)), earnPoints: earn,
            lineCount: UInt16(lines.count), lines: CheckoutLines(lines)!)
    }

    private mutating func place(_ entry: PlaceCheckoutEntry) -> String? {
        if sent.count < 40 { sent.append(entry) } else { sent[dice.below(40)] = entry }
        return compare("place", cluster.checkout(entry).result, model.place(entry, nowMs: cluster.nowMs), entry)
    }

    /// Sends a checkout again, or something else under its id.
    private mutating func repeatOne() -> String? {
        guard !sent.isEmpty else { return nil }
        var entry = dice.pick(sent)
        switch dice.below(10) {
        case 0: entry.usePoints += 1
        case 1 where entry.earnPoints > 0: entry.earnExpiresAtMs = cluster.nowMs + 1000
        case 2: entry.lines[0].quantity += 1
        case 3: entry.couponId = entry.couponId.isZero ? freshId(entry.userId) : .zero
        case 4:
            // Behind its own cancel.
            let partition = entry.checkoutId.carriedPartition
            let cancelled = model.tombstones.keys.filter { $0.carriedPartition == partition }
            entry.checkoutId = cancelled.min { $0.low < $1.low } ?? freshId(entry.userId)
        default: break
        }
        return place(entry)
    }

    private mutating func confirm() -> String? {
        let id = target()
        return compare("confirm", cluster.confirmCheckout(id).result, model.confirm(id, nowMs: cluster.nowMs), id)
    }

    private mutating func cancel() -> String? {
        let id = target()
        return compare("cancel", cluster.cancelCheckout(id).result, model.cancel(id, nowMs: cluster.nowMs), id)
    }

    private mutating func get() -> String? {
        let id = target()
        return compare("get", cluster.getCheckout(id).result, model.get(id), id)
    }

    /// Mostly one of the last few; now and then an id that is not placed yet, or was refused.
    private mutating func target() -> Id128 {
        if dice.oneIn(12) { return sent.isEmpty || dice.oneIn(2) ? freshId(users[0]) : dice.pick(sent).checkoutId }
        let ids = model.ids
        if ids.isEmpty { return freshId(users[1]) }
        return dice.oneIn(3) ? dice.pick(ids) : dice.pick(Array(ids.suffix(8)))
    }

    /// Asks a part to end by itself.
    private mutating func askPart() -> String? {
        guard let checkout = model.ids.isEmpty ? nil : model.checkouts[dice.pick(model.ids)] else { return nil }
        let id = checkout.entry.checkoutId
        let order = id.ofPart(.line(dice.below(checkout.orders.count)))
        let code: ResultCode
        switch dice.below(5) {
        case 0: code = cluster.confirm(order).result.code
        case 1: code = cluster.cancel(order).result.code
        case 2: code = cluster.extend(order, to: cluster.nowMs + 10_000).result.code
        case 3 where checkout.entry.usePoints > 0:
            code = cluster.cancelTransaction(id.ofPart(.pointsUsed)).result.code
        default:
            if checkout.entry.earnPoints == 0 { return nil }
            code = cluster.cancelTransaction(id.ofPart(.pointsEarned)).result.code
        }
        tried["part \(code)", default: 0] += 1
        return code == .partOfCheckout ? compare() : "a part of \(id) got \(code)"
    }

    private mutating func compare(
        _ operation: String, _ got: CheckoutResult, _ expected: CheckoutResult, _ what: Any
    ) -> String? {
        var outcome = "\(operation) \(expected.code)"
        if expected.flags & ResultFlags.repeat != 0 {
            outcome += " repeat"
        } else if expected.flags & ResultFlags.late != 0 {
            outcome += " late"
        } else if expected.flags & ResultFlags.tombstone != 0 {
            outcome += " tombstone"
        }
        tried[outcome, default: 0] += 1
        return got == expected ? compare() : "\(operation) of \(what) got \(got), not \(expected)"
    }

    // MARK: What else happens

    private mutating func points() -> String? {
        let owner = dice.pick(users)
        let (code, expected): (ResultCode, ResultCode)
        switch dice.below(3) {
        case 0, 1 where dice.oneIn(2):
            let entry = EarnEntry(
                transactionId: freshId(owner), userId: owner,
                expiresAtMs: dice.oneIn(2) ? 0 : cluster.nowMs + UInt64(dice.pick(1...600)),
                amount: UInt32(dice.pick(1...60)))
            model.ledger.earn(entry, nowMs: cluster.nowMs)
            (code, expected) = (cluster.earn(entry).result.code, .ok)
        default:
            let entry = UsePointsEntry(
                transactionId: freshId(owner), userId: owner, amount: UInt32(dice.pick(1...40)))
            (code, expected) = (cluster.use(entry).result.code, model.ledger.use(entry, nowMs: cluster.nowMs))
        }
        return code == expected ? compare() : "points of \(owner) got \(code), not \(expected)"
    }

    private mutating func coupons() -> String? {
        let owner = dice.pick(users)
        let all = model.coupons.coupons
        if all.isEmpty || dice.oneIn(2) {
            let entry = IssueCouponEntry(
                couponId: freshId(owner), userId: owner, policyId: UInt64(dice.pick(1...3)))
            let answers = (cluster.issue(entry).result, model.coupons.issue(entry, nowMs: cluster.nowMs))
            return answers.0 == answers.1 ? nil : "\(entry) got \(answers.0), not \(answers.1)"
        }
        let coupon = dice.pick(all).entry
        let answers: (CouponViewResult, CouponViewResult)
        if dice.oneIn(3) {
            let entry = UseCouponEntry(
                useId: freshId(coupon.userId), couponId: coupon.couponId, userId: coupon.userId, orderId: .zero,
                purchaseAmount: UInt64(dice.pick(1...90)))
            answers = (cluster.use(entry).result, model.coupons.use(entry, nowMs: cluster.nowMs))
        } else {
            let entry = RestoreCouponEntry(
                restoreId: freshId(coupon.userId), couponId: coupon.couponId, userId: coupon.userId)
            let reply = cluster.restore(coupon.userId, coupon: coupon.couponId, id: entry.restoreId)
            answers = (reply.result, model.coupons.restore(entry, nowMs: cluster.nowMs))
        }
        return answers.0 == answers.1 ? nil : "\(coupon) got \(answers.0), not \(answers.1)"
    }

    private mutating func advance() {
        cluster.advance(byMs: UInt64(dice.pick(1...120)))
        model.expire(nowMs: cluster.nowMs)
    }

    private mutating func closeSale() {
        let sale = UInt64(dice.pick(1...5))
        _ = cluster.close(sale)
        model.closed.insert(sale)
    }

    /// From the log, or from a snapshot; the history goes on from there.
    private mutating func restart() throws -> String? {
        let digest = cluster.digest()
        let shards = dice.pick(1...3)
        cluster = dice.oneIn(2) ? try cluster.replayed(shards: shards) : try cluster.rebuilt(shards: shards)
        if cluster.digest() != digest { return "\(shards) shards have another state after a restart" }
        return compare()
    }

    private mutating func freshId(_ owner: Id128) -> Id128 {
        .version7(timeMs: cluster.nowMs, partition: Partition.of(user: owner), random: dice.next())
    }

    // MARK: Looking

    private func compare() -> String? {
        for sale in model.sales.keys {
            let expected = StockTotals(
                available: model.free(sale), held: model.units(sale, in: .held),
                sold: model.units(sale, in: .confirmed))
            let got = cluster.totals(sale)
            if got != expected { return "sale \(sale) has \(got), not \(expected)" }
        }
        for owner in users {
            let points = model.ledger.balance(owner, nowMs: cluster.nowMs)
            let got = cluster.balance(owner).balance
            if got != points { return "\(owner) has \(got) points, not \(points)" }
            let history = cluster.history(owner)
            if history.map(\.transactionId) != model.ledger.history(owner) { return "\(owner) has another history" }
            for transaction in history
            where transaction.remaining != model.ledger.remaining(transaction.transactionId) {
                return "\(transaction) has not \(model.ledger.remaining(transaction.transactionId)) left"
            }
            let coupons = model.coupons.list(owner, stateMask: 0, nowMs: cluster.nowMs)
            if cluster.coupons(of: owner) != coupons { return "\(owner) has other coupons than \(coupons)" }
        }
        return nil
    }
}

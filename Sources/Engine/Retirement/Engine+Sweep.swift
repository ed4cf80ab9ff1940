import Protocol

// The sweep: a pass over all that is remembered now and then, a few records at a time, which lets go what may.
//
// It goes user by user and along each of their chains once, newest first; then over what belongs to no user.

/// Where a pass is.
struct RetirementSweep {
    enum Stage {
        /// Between two passes.
        case resting
        case orders, transactions, coupons
        case couponOperations, tombstones, offers
    }

    var stage = Stage.resting
    var user: UInt32 = 0
    /// The next record: of the user's chain, or by its slot.
    var next: UInt32 = 0
    var passAtMs: UInt64 = 0
    /// From the end of one pass to the next.
    var restMs: UInt64 = 0
    var retiredBefore: UInt64 = 0
    /// What is durable of this shard's log.
    var durableLsn: UInt64 = 0
    /// The last retirement of a user of whom everything before it was durable.
    var lastLsn: UInt64 = 0
    /// An offer that may leave as far as this shard knows, 0 for none: the pass waits until somebody takes it.
    var offer: UInt32 = 0
}

extension Engine {
    /// Looks at some records, and retires those that may leave, until about `budget` of them have been looked at, each
    /// of which costs a miss of the cache, or the event buffer is full. Answers whether a pass is under way: when there
    /// is nothing better to do, it should go on. `durableLsn`: what is durable of this shard's log.
    public mutating func retire(nowMs: UInt64, budget: Int, durableLsn: UInt64 = .max) -> Bool {
        sweep.durableLsn = durableLsn
        if sweep.stage == .resting {
            guard nowMs >= sweep.passAtMs else { return false }
            beginPass()
        }
        var left = budget
        while left > 0 && sweep.offer == 0 {
            if !hasRoom { return true }
            left -= sweepStep(nowMs: nowMs)
            if sweep.stage == .resting { return false }
        }
        return true
    }

    /// The offer that the pass has come to and that may leave as far as this shard knows; 0 for none. The pass goes on
    /// when it has been taken. Only on the catalogue's shard.
    public mutating func takeRetirableOffer() -> UInt32 {
        let offer = sweep.offer
        sweep.offer = 0
        return offer
    }

    // MARK: Passes

    private mutating func beginPass() {
        sweep.retiredBefore = statistics.retired
        sweep.user = 0
        nextUser()
    }

    /// A pass costs time. The next one comes soon only if a table is short of room and this one has made some.
    private mutating func endPass(nowMs: UInt64) {
        let longMs = max(Self.restMinMs, configuration.retainMs / 64)
        let isUseful = statistics.retired > sweep.retiredBefore
        if !isCrowded {
            sweep.restMs = longMs
        } else {
            sweep.restMs = isUseful ? Self.restMinMs : min(2 * max(sweep.restMs, Self.restMinMs), longMs)
        }
        sweep.passAtMs = nowMs + sweep.restMs
        sweep.stage = .resting
    }

    private static let restMinMs: UInt64 = 1000

    /// Whether a table is more than three quarters full.
    private var isCrowded: Bool {
        func isCrowded(_ count: Int, _ countMax: Int) -> Bool { count > countMax - countMax / 4 }
        return isCrowded(orders.count, orders.countMax) || isCrowded(users.count, users.countMax)
            || isCrowded(tombstones.count, tombstones.countMax)
            || isCrowded(transactions.count, transactions.countMax) || isCrowded(coupons.count, coupons.countMax)
            || isCrowded(couponOperations.count, couponOperations.countMax)
            || isCrowded(checkouts.count, checkouts.countMax)
    }

    // MARK: Steps

    /// Looks at one record, or goes on to the next stage. Answers what that cost, in records looked at.
    private mutating func sweepStep(nowMs: UInt64) -> Int {
        let slot = sweep.next
        switch sweep.stage {
        case .resting: return 1
        case .orders:
            if slot == 0 { return enter(.transactions) }
            return sweepOrder(slot, nowMs: nowMs)
        case .transactions:
            if slot == 0 { return enter(.coupons) }
            sweep.next = transactions[slot].pointee.older
            if !mayRetire(transaction: slot, nowMs: nowMs) { return 1 }
            return retire(.transaction, slot, transactions[slot].pointee.id, nowMs: nowMs)
        case .coupons:
            if slot == 0 {
                nextUser()
                return 1
            }
            sweep.next = coupons[slot].pointee.older
            if !mayRetire(coupon: slot, nowMs: nowMs) { return 1 }
            return retire(.coupon, slot, coupons[slot].pointee.id, nowMs: nowMs)
        case .couponOperations:
            guard couponOperations.slots.contains(slot) else { return enter(.tombstones) }
            sweep.next += 1
            let id = couponOperations[slot].pointee.id
            if id.isZero || !mayRetire(couponOperation: slot, nowMs: nowMs) { return 1 }
            return retire(.couponOperation, slot, id, nowMs: nowMs)
        case .tombstones:
            guard tombstones.slots.contains(slot) else { return enter(.offers) }
            sweep.next += 1
            let id = tombstones[slot].pointee.id
            if id.isZero || !mayRetire(tombstone: slot, nowMs: nowMs) { return 1 }
            return retire(.tombstone, slot, id, nowMs: nowMs)
        case .offers:
            guard isCatalogue, offers.slots.contains(slot) else {
                endPass(nowMs: nowMs)
                return 1
            }
            sweep.next += 1
            if mayRetire(offer: slot, nowMs: nowMs) { sweep.offer = slot }
            return 1
        }
    }

    private mutating func enter(_ stage: RetirementSweep.Stage) -> Int {
        sweep.stage = stage
        // The user's last record may have been their last.
        let wallet = users.slots.contains(sweep.user) ? users[sweep.user].pointee.wallet : 0
        switch stage {
        case .transactions: sweep.next = wallet == 0 ? 0 : wallets[wallet].pointee.newestTransaction
        case .coupons: sweep.next = wallet == 0 ? 0 : wallets[wallet].pointee.newestCoupon
        default: sweep.next = 1
        }
        return 1
    }

    /// A free slot is passed over as a user of whom there is nothing.
    private mutating func nextUser() {
        sweep.user += 1
        if users.slots.contains(sweep.user) {
            // One whose records have left before what had happened to them was durable.
            let user = users[sweep.user]
            if !user.pointee.id.isZero && isDurable(user: sweep.user) { forgetUserIfEmpty(sweep.user) }
            sweep.stage = .orders
            sweep.next = users[sweep.user].pointee.newestOrder
        } else {
            _ = enter(.couponOperations)
        }
    }

    private mutating func sweepOrder(_ slot: UInt32, nowMs: UInt64) -> Int {
        let checkout = orders[slot].pointee.checkout
        if checkout == 0 {
            sweep.next = orders[slot].pointee.older
            if !mayRetire(order: slot, nowMs: nowMs) { return 1 }
            return retire(.order, slot, orders[slot].pointee.id, nowMs: nowMs)
        }
        // All orders of the checkout lie right behind each other, and are passed over together.
        let found = orders(ofCheckout: checkout)
        sweep.next = orders[found[0]].pointee.older
        if !mayRetire(checkout: checkout, nowMs: nowMs) { return found.count }
        return retire(.checkout, checkout, checkouts[checkout].pointee.id, nowMs: nowMs) * found.count
    }

    private mutating func retire(_ kind: RecordHandle.Kind, _ slot: UInt32, _ id: Id128, nowMs: UInt64) -> Int {
        retire(RecordHandle(kind, slot), id, nowMs: nowMs)
        return 4
    }
}

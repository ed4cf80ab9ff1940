import Engine
import Protocol

// Checkouts in the log. Promise 7: one happens whole or not at all, and ends as a whole. Its orders, the use of its
// coupon and its transactions of points are those of anybody, and follow from the events about the whole.

extension LogModel {
    struct Checkout {
        var id: Id128
        var user: Id128
        /// Their indices, in the order of their numbers. All have the same history: that of the checkout.
        var orders: [Int]
        /// The index of the coupon.
        var coupon: Int?
        var subtotal: UInt64
        var discount: UInt64
        var pointsUsed: UInt32
        var pointsEarned: UInt32
        var earnExpiresAtMs: UInt64
        var createdAtMs: UInt64
        /// Versions of earlier checkouts with this id, which have left memory.
        var versionsBefore = 0
        var retired: Place?

        /// The ids that it takes besides those of its orders.
        var furtherParts: [CheckoutPart] {
            var parts: [CheckoutPart] = []
            if coupon != nil { parts.append(.coupon) }
            if pointsUsed > 0 { parts.append(.pointsUsed) }
            if pointsEarned > 0 { parts.append(.pointsEarned) }
            return parts
        }
    }

    func versions(_ checkout: Checkout) -> [Version] { orders[checkout.orders.last!].versions }

    func lines(_ checkout: Checkout) -> [CheckoutLine] {
        checkout.orders.map {
            CheckoutLine(saleId: offers[orders[$0].sale].creation.key.id, quantity: orders[$0].quantity)
        }
    }

    /// A block holds whole checkouts: no order of one stands in it without it.
    func checkWholeness(_ block: Block) throws(Violation) {
        for undo in block.undo {
            guard case .order(let index) = undo, orders[index].checkout == nil else { continue }
            if wantedParts.contains(orders[index].id) {
                throw Violation(7, "order \(orders[index].id) of a checkout stands in a block without the checkout")
            }
        }
    }

    // MARK: Place

    mutating func placeCheckout(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let user = event.loadId(EventField.userId)
        guard owner(id) == shard, id.carriedPartition == Partition.of(user: user) else {
            throw Violation(4, "checkout \(id) was placed on shard \(shard), which does not own it")
        }
        if tombstones[id] != nil { throw Violation(4, "checkout \(id) was placed after its cancel") }
        try checkIsNew(id, atMs: event.loadLE(EventField.timeMs), "checkout")
        var checkout = Checkout(
            id: id, user: user, orders: [], coupon: nil, subtotal: event.loadLE(EventField.checkoutSubtotal),
            discount: event.loadLE(EventField.checkoutDiscount),
            pointsUsed: event.loadLE(EventField.checkoutPointsUsed),
            pointsEarned: event.loadLE(EventField.checkoutPointsEarned),
            earnExpiresAtMs: event.loadLE(EventField.checkoutEarnExpiresAtMs),
            createdAtMs: event.loadLE(EventField.timeMs), versionsBefore: versionsBefore(ofCheckout: id))
        let count: UInt32 = event.loadLE(EventField.quantity)
        checkout.orders = try ordersBefore(event, count, lsn, block)
        let couponId = event.loadId(EventField.checkoutCoupon)
        if !couponId.isZero {
            guard let coupon = couponPlaces[couponId], coupons[coupon].user == user else {
                throw Violation(7, "checkout \(id) uses coupon \(couponId), which is not its user's")
            }
            checkout.coupon = coupon
        }
        try checkAmounts(checkout)
        for part in checkout.furtherParts where isKnown(id.ofPart(part)) {
            throw Violation(4, "checkout \(id) took the id of part \(part.rawValue), which was known")
        }
        enter(checkout, &block)
        if let coupon = checkout.coupon { try useCoupon(coupon, of: checkout, shard, lsn, &block) }
        let isConfirmed = versions(checkout).last!.state == .confirmed
        try changePoints(of: checkout, lsn, &block, takes: true, earnsAtMs: isConfirmed ? checkout.createdAtMs : nil)
    }

    private mutating func enter(_ checkout: Checkout, _ block: inout Block) {
        let index = checkouts.count
        checkouts.append(checkout)
        checkoutPlaces[checkout.id] = index
        for order in checkout.orders {
            orders[order].checkout = index
            parts[orders[order].id] = index
        }
        for part in checkout.furtherParts { parts[checkout.id.ofPart(part)] = index }
        block.undo.append(.checkout(index))
    }

    mutating func revertCheckout(_ index: Int) {
        let checkout = checkouts[index]
        checkoutPlaces[checkout.id] = nil
        for order in checkout.orders {
            orders[order].checkout = nil
            parts[orders[order].id] = nil
        }
        for part in checkout.furtherParts { parts[checkout.id.ofPart(part)] = nil }
    }

    /// The orders of a checkout, whose events are the last before its own, in the same block.
    private func ordersBefore(
        _ event: UnsafeRawPointer, _ count: UInt32, _ lsn: UInt64, _ block: Block
    ) throws(Violation) -> [Int] {
        let id = event.loadId(EventField.id)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        let deadlineMs: UInt64 = event.loadLE(EventField.checkoutDeadlineMs)
        guard count >= 1, count <= CheckoutLines.countMax, lsn >= block.firstLsn + UInt64(count) else {
            throw Violation(7, "checkout \(id) has \(count) orders, not all of them in its block")
        }
        var found: [Int] = []
        for number in 0..<Int(count) {
            guard let index = places[id.ofPart(.line(number))], orders[index].versions.count == 1,
                let version = orders[index].versions.last, version.life == life,
                version.lsn == lsn - UInt64(Int(count) - number)
            else { throw Violation(7, "checkout \(id) stands in the log without its order number \(number)") }
            let order = orders[index]
            guard order.user == event.loadId(EventField.userId), order.createdAtMs == timeMs,
                version.deadlineMs == deadlineMs, !found.contains(where: { orders[$0].sale == order.sale })
            else { throw Violation(7, "order number \(number) does not fit checkout \(id)") }
            found.append(index)
        }
        let holdsMs = found.compactMap { index -> UInt64? in
            guard case .sale(let sale) = offers[orders[index].sale].creation, sale.holdMs != 0 else { return nil }
            return UInt64(sale.holdMs)
        }
        guard deadlineMs == (holdsMs.min().map { timeMs + $0 } ?? 0) else {
            throw Violation(0, "checkout \(id) is held until \(deadlineMs), its sales hold for \(holdsMs)")
        }
        return found
    }

    private func checkAmounts(_ checkout: Checkout) throws(Violation) {
        var subtotal: UInt64 = 0
        for order in checkout.orders {
            guard case .sale(let sale) = offers[orders[order].sale].creation else {
                throw Violation(0, "checkout \(checkout.id) orders from what is no sale")
            }
            subtotal += sale.unitPrice * UInt64(orders[order].quantity)
        }
        guard checkout.subtotal == subtotal, checkout.coupon != nil || checkout.discount == 0,
            checkout.discount <= subtotal, UInt64(checkout.pointsUsed) <= subtotal - checkout.discount
        else {
            throw Violation(
                7, "checkout \(checkout.id) of goods for \(subtotal) says \(checkout.subtotal), less "
                    + "\(checkout.discount), less \(checkout.pointsUsed) points")
        }
    }

    // MARK: Changes

    mutating func changeCheckout(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        guard let checkout = checkout(id), owner(id) == shard, let last = versions(checkout).last else {
            throw Violation(0, "checkout \(id) changed before it was placed")
        }
        for order in checkout.orders {
            guard let version = orders[order].versions.last, version.state == last.state,
                version.deadlineMs == last.deadlineMs, orders[order].versions.count == versions(checkout).count
            else { throw Violation(7, "the orders of checkout \(id) are not in one state") }
        }
        switch (kind, last.state) {
        case (.checkoutConfirmed, .held):
            append(.confirmed, isLate: last.isLate, atMs: timeMs, to: checkout, lsn, &block)
            try changePoints(of: checkout, lsn, &block, takes: false, earnsAtMs: timeMs)
        case (.checkoutConfirmed, .expired):
            append(.confirmed, isLate: true, atMs: timeMs, to: checkout, lsn, &block)
            try give(1, to: checkout, shard, lsn, &block)
            if let coupon = checkout.coupon {
                try useCoupon(coupon, of: checkout, againAtMs: timeMs, shard, lsn, &block)
            }
            try changePoints(of: checkout, lsn, &block, takes: true, atMs: timeMs, earnsAtMs: timeMs)
        case (.checkoutCancelled, .held), (.checkoutCancelled, .confirmed):
            append(.cancelled, isLate: last.isLate, atMs: timeMs, to: checkout, lsn, &block)
            try release(checkout, shard, lsn, &block)
        case (.checkoutCancelled, .expired):
            append(.cancelled, isLate: last.isLate, atMs: timeMs, to: checkout, lsn, &block)
        case (.checkoutExpired, .held):
            guard timeMs >= last.deadlineMs else { throw Violation(0, "checkout \(id) expired before its deadline") }
            append(.expired, isLate: last.isLate, atMs: timeMs, to: checkout, lsn, &block)
            try release(checkout, shard, lsn, &block)
        default: throw Violation(4, "checkout \(id), which is \(last.state), got the event \(kind)")
        }
    }

    private mutating func append(
        _ state: OrderState, isLate: Bool, atMs timeMs: UInt64, to checkout: Checkout, _ lsn: UInt64,
        _ block: inout Block
    ) {
        for order in checkout.orders {
            append(state, isLate: isLate, deadlineMs: 0, atMs: timeMs, to: order, lsn, &block)
        }
    }

    /// Counts its units as given (1) or taken back (-1).
    private mutating func give(
        _ sign: Int, to checkout: Checkout, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        for order in checkout.orders {
            let units = sign * Int(orders[order].quantity)
            try give(orders[order].sale, units, to: checkout.user, shard, lsn, &block)
        }
    }

    /// Everything that it had goes back.
    private mutating func release(
        _ checkout: Checkout, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        try give(-1, to: checkout, shard, lsn, &block)
        if let coupon = checkout.coupon {
            guard coupons[coupon].versions.last?.use == checkout.id.ofPart(.coupon) else {
                throw Violation(7, "checkout \(checkout.id) ends, its coupon is not used by it")
            }
            coupons[coupon].versions.append(CouponVersion(life: life, lsn: lsn))
            block.undo.append(.couponVersion(coupon))
        }
        let places = [CheckoutPart.pointsUsed, .pointsEarned].compactMap { place(checkout, $0) }
        if places.isEmpty { return }
        try changePoints(of: checkout.user, lsn, &block) { ledger, moment, _ throws(Violation) in
            for place in places { try Self.cancel(place, of: ledger, &moment) }
        }
    }

    // MARK: Parts

    private mutating func useCoupon(
        _ coupon: Int, of checkout: Checkout, againAtMs: UInt64? = nil, _ shard: Int, _ lsn: UInt64,
        _ block: inout Block
    ) throws(Violation) {
        let id = checkout.id.ofPart(.coupon)
        if let inEffect = coupons[coupon].versions.last!.use {
            throw Violation(
                7, "coupon \(coupons[coupon].id), used by \(inEffect), is used by checkout \(checkout.id)")
        }
        let use = CouponUse(orderId: checkout.id, purchaseAmount: checkout.subtotal, discount: checkout.discount)
        try check(use, of: coupons[coupon], purchase: checkout.subtotal, atMs: againAtMs ?? checkout.createdAtMs)
        if againAtMs == nil {
            couponOperations[id] = CouponOperation(
                coupon: coupon, use: use, timeMs: checkout.createdAtMs,
                place: Place(life: life, shard: shard, lsn: lsn))
            block.undo.append(.couponOperation(id))
        }
        coupons[coupon].versions.append(
            CouponVersion(use: id, operation: couponOperations[id], life: life, lsn: lsn))
        block.undo.append(.couponVersion(coupon))
    }

    /// Where the transaction of a part stands in its user's ledger, if it is posted.
    func place(_ checkout: Checkout, _ part: CheckoutPart) -> Int? {
        let id = checkout.id.ofPart(part)
        if checkout.retired == nil && (transactions[id] == nil || parts[id] == nil) { return nil }
        return ledgers[checkout.user]?.transactions.lastIndex { $0.id == id }
    }

    /// Takes the points that it uses, for the first time or again, and posts those that it earns.
    private mutating func changePoints(
        of checkout: Checkout, _ lsn: UInt64, _ block: inout Block, takes: Bool, atMs againAtMs: UInt64? = nil,
        earnsAtMs: UInt64?
    ) throws(Violation) {
        let isTaking = takes && checkout.pointsUsed > 0
        let isEarning = earnsAtMs != nil && checkout.pointsEarned > 0
        guard isTaking || isEarning else { return }
        let posted = place(checkout, .pointsUsed)
        try changePoints(of: checkout.user, lsn, &block) { ledger, moment, undo throws(Violation) in
            if isTaking, let againAtMs {
                guard let posted, moment.isCancelled[posted] else {
                    throw Violation(7, "checkout \(checkout.id) takes points again that it had not given back")
                }
                moment.isCancelled[posted] = false
                let missing = ledger.take(posted, &moment, atMs: againAtMs)
                undo.append(.takings(user: checkout.user, place: posted))
                if missing > 0 {
                    throw Violation(7, "checkout \(checkout.id) took \(missing) points more than there were")
                }
            } else if isTaking {
                let use = Ledger.Transaction(
                    id: checkout.id.ofPart(.pointsUsed), kind: .use, amount: checkout.pointsUsed, expiresAtMs: 0,
                    createdAtMs: checkout.createdAtMs, isOfCheckout: true)
                try Self.add(use, of: checkout.user, to: &ledger, &moment, &undo, atMs: checkout.createdAtMs)
                moment.isOfCheckout[moment.count - 1] = true
            }
            if isEarning, let earnsAtMs {
                let earning = Ledger.Transaction(
                    id: checkout.id.ofPart(.pointsEarned), kind: .earning, amount: checkout.pointsEarned,
                    expiresAtMs: checkout.earnExpiresAtMs, createdAtMs: earnsAtMs, isOfCheckout: true)
                try Self.add(earning, of: checkout.user, to: &ledger, &moment, &undo, atMs: earnsAtMs)
                moment.isOfCheckout[moment.count - 1] = true
            }
        }
        for part in [CheckoutPart.pointsUsed, .pointsEarned] {
            let id = checkout.id.ofPart(part)
            if ledgers[checkout.user]!.transactions.suffix(2).contains(where: { $0.id == id }) {
                transactions[id] = checkout.user
            }
        }
    }
}

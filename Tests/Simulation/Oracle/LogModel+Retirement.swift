import Engine
import Protocol

// Retirement in the log: only what is old, over and needed by nobody leaves, and nothing else changes by it.

extension LogModel {
    /// What has left, as it was.
    enum Forgotten {
        case order(Int)
        case tombstone(Id128, Tombstone)
        case coupon(Int, inEffect: CouponOperation?)
        case couponOperation(Id128, CouponOperation)
        /// And whose transaction the id had been before.
        case transaction(Id128, user: Id128, before: Id128?)
        case checkout(Int, parts: [Id128])
        case offer(Int, creation: Id128, restocks: [Id128: Restock])
    }

    /// What the events of retirement say has left.
    private enum Kind: UInt8 {
        case order = 0
        case tombstone = 1
        case transaction = 3
        case coupon = 4
        case couponOperation = 5
        case checkout = 6
    }

    mutating func forget(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let nowMs: UInt64 = event.loadLE(EventField.timeMs)
        guard owner(id) == shard else { throw Violation(0, "\(id) left on shard \(shard), which does not own it") }
        let raw: UInt8 = event.loadLE(EventField.flags)
        switch Kind(rawValue: raw) {
        case .order?:
            guard let index = places[id] else { throw unknown(id, "order") }
            if let fault = whyStays(order: index, nowMs) { throw Violation(4, "order \(id) has left: \(fault)") }
            try forgetOrder(index, shard, lsn, &block)
        case .tombstone?:
            guard let tombstone = tombstones[id] else { throw unknown(id, "tombstone") }
            guard isOld(id, tombstone.timeMs, nowMs) else { throw Violation(4, "tombstone \(id) has left too early") }
            tombstones[id] = nil
            past.tombstones[id, default: []].append(tombstone)
            block.undo.append(.forgotten(.tombstone(id, tombstone)))
        case .transaction?: try forgetTransaction(id, nowMs, lsn, &block)
        case .coupon?:
            guard let index = couponPlaces[id] else { throw unknown(id, "coupon") }
            if let fault = whyStays(coupon: index, nowMs) { throw Violation(4, "coupon \(id) has left: \(fault)") }
            try forgetCoupon(index, shard, lsn, &block)
        case .couponOperation?:
            guard let operation = couponOperations[id] else { throw unknown(id, "operation on a coupon") }
            if let fault = whyStays(operation: id, nowMs) { throw Violation(4, "operation \(id) has left: \(fault)") }
            couponOperations[id] = nil
            past.couponOperations[id, default: []].append(operation)
            block.undo.append(.forgotten(.couponOperation(id, operation)))
        case .checkout?:
            guard let index = checkoutPlaces[id] else { throw unknown(id, "checkout") }
            if let fault = whyStays(checkout: index, nowMs) { throw Violation(4, "checkout \(id) has left: \(fault)") }
            try forgetCheckout(index, shard, lsn, &block)
        case nil: throw Violation(0, "\(id) has left as something of kind \(raw)")
        }
        noteForgotten(id)
    }

    private func unknown(_ id: Id128, _ what: String) -> Violation {
        Violation(4, "\(what) \(id) has left, which was not there")
    }

    private mutating func noteForgotten(_ id: Id128) {
        past.counts[id, default: 0] += 1
        past.youngestMintMs = max(past.youngestMintMs, id.mintTimeMs ?? 0)
    }

    // MARK: What may leave

    /// Whether an id has been remembered long enough.
    private func isOld(_ id: Id128, _ acceptedAtMs: UInt64, _ nowMs: UInt64) -> Bool {
        isOver(acceptedAtMs, nowMs) && isOver(id.mintTimeMs ?? 0, nowMs)
    }

    private func isOver(_ timeMs: UInt64, _ nowMs: UInt64) -> Bool { timeMs + retainMs < nowMs }

    private func isOver(_ offer: Offer, _ nowMs: UInt64) -> Bool {
        let endsAtMs = offer.creation.endsAtMs
        return endsAtMs != 0 && isOver(endsAtMs, nowMs)
            || offer.closedAtMs != 0 && isOver(offer.closedAtMs, nowMs)
    }

    // Why something stays, nil if it does not.

    func whyStays(order index: Int, _ nowMs: UInt64) -> String? {
        orders[index].checkout == nil ? whyStays(anyOrder: index, nowMs) : "it is part of a checkout"
    }

    private func whyStays(anyOrder index: Int, _ nowMs: UInt64) -> String? {
        let order = orders[index]
        let last = order.versions.last!
        if last.state == .held { return "it is held" }
        if !isOver(offers[order.sale], nowMs) { return "its sale is not over for long enough" }
        return isOld(order.id, last.timeMs, nowMs) ? nil : "at \(nowMs) it has not been remembered for long enough"
    }

    func whyStays(checkout index: Int, _ nowMs: UInt64) -> String? {
        let checkout = checkouts[index]
        for order in checkout.orders { if let fault = whyStays(anyOrder: order, nowMs) { return fault } }
        return isOld(checkout.id, checkout.createdAtMs, nowMs) ? nil : "it has not been remembered for long enough"
    }

    func whyStays(coupon index: Int, _ nowMs: UInt64) -> String? {
        let coupon = coupons[index]
        let endsAtMs = offers[coupon.policy].creation.endsAtMs
        if endsAtMs == 0 || !isOver(endsAtMs, nowMs) { return "it has not been invalid for long enough" }
        if !isOld(coupon.id, coupon.issuedAtMs, nowMs) { return "it has not been remembered for long enough" }
        let use = coupon.versions.last!.use
        for (id, operation) in couponOperations where operation.coupon == index {
            if id != use { return "operation \(id) is remembered" }
            if parts[id] != nil { return "its use is part of a checkout" }
            if !isOld(id, operation.timeMs, nowMs) { return "its use has not been remembered for long enough" }
        }
        return nil
    }

    func whyStays(operation id: Id128, _ nowMs: UInt64) -> String? {
        let operation = couponOperations[id]!
        if parts[id] != nil { return "it is part of a checkout" }
        if coupons[operation.coupon].versions.last!.use == id { return "it is in effect" }
        return isOld(id, operation.timeMs, nowMs) ? nil : "it has not been remembered for long enough"
    }

    func whyStays(transaction id: Id128, _ nowMs: UInt64) -> String? {
        let ledger = ledgers[transactions[id]!]!
        let place = ledger.transactions.lastIndex { $0.id == id }!
        let (transaction, moment) = (ledger.transactions[place], ledger.moments.last!)
        if moment.isOfCheckout[place] { return "it is part of a checkout" }
        if transaction.kind == .earning {
            let isUsedUp = moment.isCancelled[place] || moment.remaining[place] == 0
            if !isUsedUp && !ledger.isExpired(place, atMs: nowMs) { return "points of it are left" }
            for (use, other) in ledger.transactions.enumerated() where !moment.isGone[use] && !moment.isCancelled[use] {
                if other.takings.last?.contains(where: { $0.lot == place }) ?? false {
                    return "\(other.id), which is remembered, took from it"
                }
            }
        }
        return isOld(id, transaction.createdAtMs, nowMs) ? nil : "it has not been remembered for long enough"
    }

    /// What should have left by now, and why nothing keeps it, as far as this is known at the end of the log.
    func overdue(_ nowMs: UInt64) -> String? {
        for index in places.values where whyStays(order: index, nowMs) == nil { return "order \(orders[index].id)" }
        for index in checkoutPlaces.values where whyStays(checkout: index, nowMs) == nil {
            return "checkout \(checkouts[index].id)"
        }
        for index in couponPlaces.values where whyStays(coupon: index, nowMs) == nil {
            return "coupon \(coupons[index].id)"
        }
        for id in couponOperations.keys where whyStays(operation: id, nowMs) == nil { return "operation \(id)" }
        for id in transactions.keys where whyStays(transaction: id, nowMs) == nil { return "transaction \(id)" }
        for (id, tombstone) in tombstones where isOld(id, tombstone.timeMs, nowMs) { return "tombstone \(id)" }
        for index in offers.indices where offers[index].retired == nil && whyStays(offer: index, nowMs) == nil {
            return offers[index].creation.key.description
        }
        return nil
    }

    // MARK: What leaves

    private mutating func forgetOrder(
        _ index: Int, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let order = orders[index]
        places[order.id] = nil
        orders[index].retired = Place(life: life, shard: shard, lsn: lsn)
        orderCount -= 1
        past.orders[order.id, default: []].append(index)
        block.undo.append(.forgotten(.order(index)))
        countNoMore(order.units, of: order.user, order.sale, lsn, &block)
    }

    /// Units of what has left stay given out, and count towards no limit any more.
    private mutating func countNoMore(
        _ units: Int, of user: Id128, _ offer: Int, _ lsn: UInt64, _ block: inout Block
    ) {
        let key = UserOffer(user: user, offer: offer)
        guard units > 0, let now = unitHistory[key]?.last?.units else { return }
        unitHistory[key]!.append((now - units, life, lsn))
        block.undo.append(.units(key))
    }

    private mutating func forgetTransaction(
        _ id: Id128, _ nowMs: UInt64, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        guard let user = transactions[id], let place = ledgers[user]?.transactions.lastIndex(where: { $0.id == id })
        else { throw unknown(id, "transaction") }
        if let fault = whyStays(transaction: id, nowMs) { throw Violation(4, "transaction \(id) has left: \(fault)") }
        try changePoints(of: user, lsn, &block) { _, moment, _ throws(Violation) in moment.isGone[place] = true }
        transactions[id] = nil
        block.undo.append(.forgotten(.transaction(id, user: user, before: past.transactions[id])))
        past.transactions[id] = user
    }

    private mutating func forgetCoupon(
        _ index: Int, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let coupon = coupons[index]
        let inEffect = coupon.versions.last!.use.flatMap { couponOperations.removeValue(forKey: $0) }
        if let inEffect, let use = coupon.versions.last!.use {
            past.couponOperations[use, default: []].append(inEffect)
            noteForgotten(use)
        }
        couponPlaces[coupon.id] = nil
        coupons[index].retired = Place(life: life, shard: shard, lsn: lsn)
        past.coupons[coupon.id, default: []].append(index)
        block.undo.append(.forgotten(.coupon(index, inEffect: inEffect)))
        countNoMore(1, of: coupon.user, coupon.policy, lsn, &block)
    }

    /// Its orders leave with it; its transactions and the use of its coupon stay, as if nobody else had part in them.
    private mutating func forgetCheckout(
        _ index: Int, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let checkout = checkouts[index]
        let own = [CheckoutPart.pointsUsed, .pointsEarned].compactMap { place(checkout, $0) }
        if !own.isEmpty {
            try changePoints(of: checkout.user, lsn, &block) { _, moment, _ throws(Violation) in
                for place in own { moment.isOfCheckout[place] = false }
            }
        }
        for order in checkout.orders { try forgetOrder(order, shard, lsn, &block) }
        let ids = checkout.orders.map { orders[$0].id } + checkout.furtherParts.map { checkout.id.ofPart($0) }
        for id in ids {
            parts[id] = nil
            past.parts[id] = index
        }
        checkoutPlaces[checkout.id] = nil
        checkouts[index].retired = Place(life: life, shard: shard, lsn: lsn)
        past.checkouts[checkout.id, default: []].append(index)
        block.undo.append(.forgotten(.checkout(index, parts: ids)))
    }

    // MARK: Offers

    func whyStays(offer index: Int, _ nowMs: UInt64) -> String? {
        let offer = offers[index]
        if !isOver(offer, nowMs) { return "it is not over for long enough" }
        if !isOver(offer.lastOperationMs, nowMs) { return "it was changed too lately" }
        if let order = orders.first(where: { $0.sale == index && isThere($0.versions.isEmpty, $0.retired) }) {
            return "a crash could leave order \(order.id) of it"
        }
        guard offer.creation.key.kind == .policy,
            let coupon = coupons.first(where: { $0.policy == index && isThere($0.versions.isEmpty, $0.retired) })
        else { return nil }
        return "a crash could leave coupon \(coupon.id) of it"
    }

    /// Whether a record is there, or would be after a crash now. What is in the catalogue's own log leaves before.
    private func isThere(_ isUndone: Bool, _ retired: Place?) -> Bool {
        guard !isUndone else { return false }
        guard let retired else { return true }
        return !isSynced(retired) && retired.shard != catalogue
    }

    mutating func forgetOffer(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let key = OfferKey(
            kind: kind == .saleRetired ? .sale : .policy, id: event.loadLE(EventField.closedOffer))
        guard shard == catalogue, let index = offer(key), offers[index].retired == nil else {
            throw Violation(0, "\(key) has left, which was not there")
        }
        if let fault = whyStays(offer: index, event.loadLE(EventField.timeMs)) {
            throw Violation(4, "\(key) has left: \(fault)")
        }
        offers[index].retired = Place(life: life, shard: shard, lsn: lsn)
        let creation = offers[index].creation.operationId
        creations[creation] = nil
        past.creations[creation] = index
        noteForgotten(creation)
        let own = restocks.filter { $0.value.offer == index }
        for (id, restock) in own {
            restocks[id] = nil
            past.restocks[id] = restock
            noteForgotten(id)
        }
        block.undo.append(.forgotten(.offer(index, creation: creation, restocks: own)))
    }

    // MARK: Crashes

    mutating func revertForgotten(_ forgotten: Forgotten) {
        switch forgotten {
        case .order(let index):
            let id = orders[index].id
            places[id] = index
            orders[index].retired = nil
            orderCount += 1
            past.orders[id]!.removeLast()
            if orders[index].checkout == nil { revertNote(id) }
        case .tombstone(let id, let tombstone):
            tombstones[id] = tombstone
            past.tombstones[id]!.removeLast()
            revertNote(id)
        case .coupon(let index, let inEffect):
            let coupon = coupons[index]
            couponPlaces[coupon.id] = index
            coupons[index].retired = nil
            past.coupons[coupon.id]!.removeLast()
            revertNote(coupon.id)
            guard let inEffect, let use = coupon.versions.last!.use else { return }
            couponOperations[use] = inEffect
            past.couponOperations[use]!.removeLast()
            revertNote(use)
        case .couponOperation(let id, let operation):
            couponOperations[id] = operation
            past.couponOperations[id]!.removeLast()
            revertNote(id)
        case .transaction(let id, let user, let before):
            transactions[id] = user
            past.transactions[id] = before
            revertNote(id)
        case .checkout(let index, let ids):
            let id = checkouts[index].id
            checkoutPlaces[id] = index
            checkouts[index].retired = nil
            past.checkouts[id]!.removeLast()
            for part in ids {
                parts[part] = index
                past.parts[part] = nil
            }
            revertNote(id)
        case .offer(let index, let creation, let own):
            offers[index].retired = nil
            creations[creation] = index
            past.creations[creation] = nil
            revertNote(creation)
            for (id, restock) in own {
                restocks[id] = restock
                past.restocks[id] = nil
                revertNote(id)
            }
        }
    }

    private mutating func revertNote(_ id: Id128) {
        past.counts[id]! -= 1
        if past.counts[id] == 0 { past.counts[id] = nil }
    }
}

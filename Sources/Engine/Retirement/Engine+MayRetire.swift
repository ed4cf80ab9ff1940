import Protocol

// What may leave memory. Live shards alone ask; what did leave is in the log.
//
// An id is forgotten when it is older than the retention time, counted from its minting or its acceptance, whichever
// was later: from then on a version 7 id is refused by its age. So nothing can happen twice.

extension Engine {
    /// Whether an id has been remembered long enough.
    func isOld(_ id: Id128, acceptedAtMs: UInt64, nowMs: UInt64) -> Bool {
        let fromMs = PlantedBug.idForgottenTooEarly.isPlanted ? 0 : acceptedAtMs
        return isOver(max(fromMs, id.mintTimeMs ?? 0), nowMs: nowMs)
    }

    /// Whether something is longer ago than the retention time.
    private func isOver(_ timeMs: UInt64, nowMs: UInt64) -> Bool { timeMs &+ configuration.retainMs < nowMs }

    /// Whether an offer has given out its last unit longer than the retention time ago: from then on this shard gets
    /// no more records of it.
    public func isOver(offer slot: UInt32, nowMs: UInt64) -> Bool {
        let endsAtMs = offers[slot].pointee.terms.endsAtMs
        let closedAtMs = lives[Int(slot)].closedAtMs
        return endsAtMs != 0 && isOver(endsAtMs, nowMs: nowMs) || closedAtMs != 0 && isOver(closedAtMs, nowMs: nowMs)
    }

    /// An order is kept as long as its sale lives, while it is held, and long enough after what happened to it last.
    func mayRetire(order slot: UInt32, nowMs: UInt64) -> Bool {
        orders[slot].pointee.checkout == 0 && isOldAndEnded(order: slot, nowMs: nowMs)
    }

    private func isOldAndEnded(order slot: UInt32, nowMs: UInt64) -> Bool {
        let order = orders[slot]
        return order.pointee.state != .held && isOver(offer: order.pointee.sale, nowMs: nowMs)
            && isOld(order.pointee.id, acceptedAtMs: order.pointee.lastChangeMs, nowMs: nowMs)
    }

    /// A checkout leaves when all of its orders may.
    func mayRetire(checkout slot: UInt32, nowMs: UInt64) -> Bool {
        let found = orders(ofCheckout: slot)
        for number in 0..<found.count where !isOldAndEnded(order: found[number], nowMs: nowMs) { return false }
        return isOld(checkouts[slot].pointee.id, acceptedAtMs: orders[found[0]].pointee.createdAtMs, nowMs: nowMs)
    }

    /// A use leaves by its age, an earning when nothing can come of it any more: so no balance changes.
    func mayRetire(transaction slot: UInt32, nowMs: UInt64) -> Bool {
        let record = transactions[slot]
        return record.pointee.checkout == 0 && isUsedUp(transaction: slot, nowMs: nowMs)
            && isOld(record.pointee.id, acceptedAtMs: record.pointee.createdAtMs, nowMs: nowMs)
    }

    /// Whether no points are left of an earning, and no use is remembered that could give any back.
    func isUsedUp(transaction slot: UInt32, nowMs: UInt64) -> Bool {
        let record = transactions[slot]
        if record.pointee.kind == .use { return true }
        let isSpent = record.pointee.isCancelled || record.pointee.remaining == 0
        return record.pointee.takingCount == 0 && (isSpent || record.pointee.isExpired(nowMs: nowMs))
    }

    /// A coupon is kept as long as it is valid or could be restored to be. That its policy is closed does not end it.
    func mayRetire(coupon slot: UInt32, nowMs: UInt64) -> Bool {
        let coupon = coupons[slot]
        let endsAtMs = offers[coupon.pointee.policy].pointee.terms.endsAtMs
        guard endsAtMs != 0, isOver(endsAtMs, nowMs: nowMs), hasNoStrangers(coupon: slot),
            isOld(coupon.pointee.id, acceptedAtMs: coupon.pointee.issuedAtMs, nowMs: nowMs)
        else { return false }
        let use = coupon.pointee.use
        return use == 0
            || isOld(couponOperations[use].pointee.id, acceptedAtMs: couponOperations[use].pointee.timeMs, nowMs: nowMs)
    }

    /// Whether the only operation on a coupon that is remembered is the use in effect, if any, and no checkout's.
    func hasNoStrangers(coupon slot: UInt32) -> Bool {
        let coupon = coupons[slot]
        if coupon.pointee.use == 0 { return coupon.pointee.operationCount == 0 }
        return coupon.pointee.operationCount == 1 && couponOperations[coupon.pointee.use].pointee.kind != .checkout
    }

    /// An operation on a coupon leaves by its age; the use in effect leaves with its coupon, that of a checkout not
    /// before that.
    func mayRetire(couponOperation slot: UInt32, nowMs: UInt64) -> Bool {
        let record = couponOperations[slot]
        return isWithoutEffect(couponOperation: slot)
            && isOld(record.pointee.id, acceptedAtMs: record.pointee.timeMs, nowMs: nowMs)
    }

    func isWithoutEffect(couponOperation slot: UInt32) -> Bool {
        let record = couponOperations[slot]
        return record.pointee.kind != .checkout && coupons[record.pointee.coupon].pointee.use != slot
    }

    func mayRetire(tombstone slot: UInt32, nowMs: UInt64) -> Bool {
        isOld(tombstones[slot].pointee.id, acceptedAtMs: tombstones[slot].pointee.createdAtMs, nowMs: nowMs)
    }

    /// An offer leaves when it is over, its operations are old, and no shard has records of it, which this one cannot
    /// tell of the others.
    func mayRetire(offer slot: UInt32, nowMs: UInt64) -> Bool {
        let detail = offerDetails + Int(slot)
        return detail.pointee.isPublished && !lives[Int(slot)].isRetired && offers[slot].pointee.recordCount == 0
            && isOver(offer: slot, nowMs: nowMs) && isOver(detail.pointee.lastOperationMs, nowMs: nowMs)
    }
}

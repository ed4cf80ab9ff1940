import Protocol

// Coupons in logs and snapshots.

extension Engine {
    mutating func replayCoupons(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        switch kind {
        case .couponIssued: try replayIssue(event)
        case .couponUsed: try replayCouponUse(event)
        case .couponOperationKept: try replayKeptOperation(event)
        default: try replayRestore(event)
        }
    }

    private mutating func replayIssue(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let userId = event.loadId(EventField.userId)
        let policyId: UInt64 = event.loadLE(EventField.couponPolicy)
        guard id.carriedPartition == Partition.of(user: userId) else {
            throw .contradiction("coupon \(id) is not of its user's partition")
        }
        let policy = findOffer(.policy, policyId)
        guard policy != 0 else {
            throw .contradiction("coupon \(id) is of policy \(policyId), which no event created")
        }
        let idHash = idHash(id)
        if find(id, hash: idHash) != nil { throw .contradiction("coupon \(id) was issued twice") }
        if coupons.isFull { throw .capacity(what: "coupons", countMax: coupons.countMax) }
        let userHash = userHash(userId)
        let user = findUser(userId, hash: userHash)
        if user == 0 && users.isFull { throw .capacity(what: "users", countMax: users.countMax) }
        let slot = insertCoupon(
            id: id, idHash: idHash, userId: userId, userHash: userHash, user: user, policy: policy,
            issuedAtMs: event.loadLE(EventField.timeMs), lsn: 0)
        if PlantedBug.couponIssuedTwiceAfterRestart.isPlanted { return }
        addLimit(user: coupons[slot].pointee.user, userHash: userHash, offer: policy, units: 1)
    }

    private mutating func replayCouponUse(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let coupon = try couponForOperation(id, event, isUsed: false)
        let operation = insertCouponOperation(
            CouponOperationRecord(
                id: id, orderId: event.loadId(EventField.couponOrder),
                purchaseAmount: event.loadLE(EventField.purchaseAmount), discount: event.loadLE(EventField.discount),
                timeMs: event.loadLE(EventField.timeMs), coupon: coupon, kind: .use), idHash: idHash(id), lsn: 0)
        setUse(ofCoupon: coupon, operation)
    }

    private mutating func replayRestore(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let coupon = try couponForOperation(id, event, isUsed: true)
        _ = insertCouponOperation(
            CouponOperationRecord(
                id: id, timeMs: event.loadLE(EventField.timeMs), coupon: coupon, kind: .restore), idHash: idHash(id),
            lsn: 0)
        setUse(ofCoupon: coupon, 0)
    }

    private mutating func replayKeptOperation(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let flags: UInt8 = event.loadLE(EventField.flags)
        let isInEffect = flags >> 4 != 0
        guard let kind = CouponOperationRecord.Kind(rawValue: flags & 15),
            kind == .use || kind == .restore && !isInEffect
        else { throw .contradiction("operation \(id) on a coupon is of kind \(flags)") }
        let coupon = try couponForOperation(id, event, isUsed: isInEffect ? false : nil)
        let operation = insertCouponOperation(
            CouponOperationRecord(
                id: id, orderId: event.loadId(EventField.couponOrder),
                purchaseAmount: event.loadLE(EventField.purchaseAmount), discount: event.loadLE(EventField.discount),
                timeMs: event.loadLE(EventField.timeMs), coupon: coupon, kind: kind), idHash: idHash(id), lsn: 0)
        if isInEffect { setUse(ofCoupon: coupon, operation) }
    }

    /// The coupon that a use or a restore is of, if the operation can have happened to it.
    private func couponForOperation(
        _ id: Id128, _ event: UnsafeRawPointer, isUsed: Bool?
    ) throws(EventFault) -> UInt32 {
        let couponId = event.loadId(EventField.usedCoupon)
        guard let slot = couponSlot(couponId) else {
            throw .contradiction("operation \(id) is on coupon \(couponId), which was not issued")
        }
        guard id.carriedPartition == couponId.carriedPartition else {
            throw .contradiction("operation \(id) on coupon \(couponId) is not of its user's partition")
        }
        guard isUsed == nil || (coupons[slot].pointee.use != 0) == isUsed else {
            let fault = isUsed == true ? "restored without a use" : "used twice at once"
            throw .contradiction("coupon \(couponId) was \(fault)")
        }
        if isUsed == true && couponOperations[coupons[slot].pointee.use].pointee.kind == .checkout {
            throw .contradiction("coupon \(couponId), which a checkout uses, was restored without it")
        }
        if find(id, hash: idHash(id)) != nil { throw .contradiction("operation \(id) on a coupon happened twice") }
        if couponOperations.isFull {
            throw .capacity(what: "uses of coupons", countMax: couponOperations.countMax)
        }
        return slot
    }

    /// Writes this shard's coupons as events that rebuild them, by partition, each user's oldest first, and then their
    /// uses and restores.
    func keepCoupons(
        _ users: [UInt32], _ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void
    ) {
        let slots = users.flatMap { user in
            let wallet = self.users[user].pointee.wallet
            return wallet == 0 ? [] : coupons.oldestFirst(wallets[wallet].pointee.newestCoupon)
        }
        for slot in slots {
            let record = coupons[slot].pointee
            let event = beginKept(base, .couponIssued, flags: 0, timeMs: record.issuedAtMs)
            event.storeId(record.id, EventField.id)
            event.storeId(self.users[record.user].pointee.id, EventField.userId)
            event.storeLE(offers[record.policy].pointee.terms.id, EventField.couponPolicy)
            emit(.couponIssued, UnsafeRawBufferPointer(start: event, count: EventKind.couponIssued.sizeBytes))
        }
        for slot in sortedByPartition(couponOperations.slots, { couponOperations[$0].pointee.id }) {
            let record = couponOperations[slot].pointee
            // That of a checkout is kept with the checkout.
            if record.kind == .checkout { continue }
            let kind = EventKind.couponOperationKept
            let isInEffect = coupons[record.coupon].pointee.use == slot
            let event = beginKept(
                base, kind, flags: record.kind.rawValue | (isInEffect ? 1 << 4 : 0), timeMs: record.timeMs)
            event.storeId(record.id, EventField.id)
            event.storeId(coupons[record.coupon].pointee.id, EventField.usedCoupon)
            event.storeId(record.orderId, EventField.couponOrder)
            event.storeLE(record.purchaseAmount, EventField.purchaseAmount)
            event.storeLE(record.discount, EventField.discount)
            emit(kind, UnsafeRawBufferPointer(start: event, count: kind.sizeBytes))
        }
    }
}

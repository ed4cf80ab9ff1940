import Protocol

// What happens when something leaves memory, on the live path and in replay alike: its records go, and what others need
// to know of it stays behind as a number.

extension Engine {
    /// Logs that what an id stands for leaves memory, and lets it.
    mutating func retire(_ handle: RecordHandle, _ id: Id128, nowMs: UInt64) {
        let event = log(.retired, flags: UInt8(handle.kind.rawValue), timeMs: nowMs)
        event.storeId(id, EventField.id)
        countRetired(handle)
        forget(handle, id, lsn: events.pointee.lastLsn)
        statistics.retired &+= 1
    }

    private mutating func countRetired(_ handle: RecordHandle) {
        switch handle.kind {
        case .order: statistics.ordersRetired &+= 1
        case .tombstone: statistics.tombstonesRetired &+= 1
        case .transaction: statistics.transactionsRetired &+= 1
        case .coupon:
            statistics.couponsRetired &+= 1
            if coupons[handle.slot].pointee.use != 0 { statistics.couponOperationsRetired &+= 1 }
        case .couponOperation: statistics.couponOperationsRetired &+= 1
        case .checkout:
            statistics.checkoutsRetired &+= 1
            statistics.ordersRetired &+= UInt64(orders(ofCheckout: handle.slot).count)
        case .catalogueOperation: preconditionFailure("operations on the catalogue leave with their offer")
        }
    }

    /// For every id that is not known any more: should the retention time become longer, or the clock be set back, it
    /// has to stay too old.
    mutating func noteForgotten(_ id: Id128) {
        if let mintTimeMs = id.mintTimeMs { forgottenMintMs = max(forgottenMintMs, mintTimeMs) }
    }

    mutating func forget(_ handle: RecordHandle, _ id: Id128, lsn: UInt64) {
        noteForgotten(id)
        let slot = handle.slot
        let user: UInt32
        switch handle.kind {
        case .tombstone:
            ids.remove(idHash(id), handle.rawValue)
            tombstones.free(slot)
            return
        case .couponOperation:
            forgetCouponOperation(slot)
            return
        case .order:
            user = orders[slot].pointee.user
            forgetOrder(slot)
        case .checkout:
            user = self.user(ofCheckout: slot)
            forgetCheckout(slot)
        case .transaction:
            user = transactions[slot].pointee.user
            forgetTransaction(slot)
        case .coupon:
            user = coupons[slot].pointee.user
            forgetCoupon(slot)
        case .catalogueOperation: preconditionFailure("operations on the catalogue leave with their offer")
        }
        let isDurable = isDurable(user: user)
        users[user].pointee.lastLsn = lsn
        guard isDurable else { return }
        sweep.lastLsn = lsn
        forgetUserIfEmpty(user)
    }

    /// Whether all that has happened to a user's records is durable, retirements apart: these undo nothing that a reply
    /// may not show. Until then the user stays, also without records, because replies wait for what it knows:
    /// that nothing is left of a balance tells of its last use.
    func isDurable(user slot: UInt32) -> Bool {
        let lastLsn = users[slot].pointee.lastLsn
        return lastLsn <= sweep.durableLsn || lastLsn == sweep.lastLsn
    }

    /// Units of an order that was confirmed stay sold; they do not count towards the user's limit any more.
    private mutating func forgetOrder(_ slot: UInt32) {
        let order = orders[slot].pointee
        let user = users[order.user]
        user.pointee.newestOrder = orders.unlink(slot, newest: user.pointee.newestOrder, &orderCursor)
        user.pointee.orderCount -= 1
        offers[order.sale].pointee.recordCount -= 1
        if order.state == .confirmed {
            lives[Int(order.sale)].retiredSold += UInt64(order.quantity)
            subtractLimit(user: order.user, offer: order.sale, units: order.quantity)
            if PlantedBug.retiredUnitsSoldAgain.isPlanted {
                addSold(order.sale, -Int64(order.quantity))
                counters.put(Int(order.sale), stripe: configuration.shard, UInt64(order.quantity))
            }
        }
        ids.remove(idHash(order.id), RecordHandle(.order, slot).rawValue)
        orders.free(slot)
    }

    /// Its orders leave with it. Its transactions and the use of its coupon go on by themselves: they leave by their
    /// own rules, and change like others until then.
    private mutating func forgetCheckout(_ slot: UInt32) {
        let record = checkouts[slot].pointee
        let handle = RecordHandle(.checkout, slot).rawValue
        let found = orders(ofCheckout: slot)
        if record.pointsEarned > 0 && record.earning == 0 {
            ids.remove(idHash(record.id.ofPart(.pointsEarned)), handle)
            if state(ofCheckout: slot) == .expired { freeEarning(ofCheckout: slot) }
        }
        if record.use != 0 { transactions[record.use].pointee.checkout = 0 }
        if record.earning != 0 { transactions[record.earning].pointee.checkout = 0 }
        if record.couponUse != 0 { couponOperations[record.couponUse].pointee.kind = .use }
        for number in (0..<found.count).reversed() { forgetOrder(found[number]) }
        ids.remove(idHash(record.id), handle)
        checkouts.free(slot)
    }

    private mutating func forgetTransaction(_ slot: UInt32) {
        let record = transactions[slot].pointee
        switch record.kind {
        case .earning: if record.isListed { unlistLot(slot) }
        case .use: dropTakings(of: slot)
        }
        let wallet = wallets[users[record.user].pointee.wallet]
        wallet.pointee.newestTransaction = transactions.unlink(
            slot, newest: wallet.pointee.newestTransaction, &transactionCursor)
        if record.hasReason { reasons[Int(slot)] = Reason() }
        ids.remove(idHash(record.id), RecordHandle(.transaction, slot).rawValue)
        transactions.free(slot)
    }

    /// A coupon that is gone counts as issued for its policy, and as used if it was.
    private mutating func forgetCoupon(_ slot: UInt32) {
        let record = coupons[slot].pointee
        if record.use == 0 {
            lives[Int(record.policy)].retiredHeld += 1
        } else {
            lives[Int(record.policy)].retiredSold += 1
            forgetCouponOperation(record.use)
        }
        let wallet = wallets[users[record.user].pointee.wallet]
        wallet.pointee.newestCoupon = coupons.unlink(slot, newest: wallet.pointee.newestCoupon, &couponCursor)
        wallet.pointee.couponCount -= 1
        offers[record.policy].pointee.recordCount -= 1
        if !PlantedBug.couponIssuedTwiceAfterRestart.isPlanted {
            subtractLimit(user: record.user, offer: record.policy, units: 1)
        }
        ids.remove(idHash(record.id), RecordHandle(.coupon, slot).rawValue)
        coupons.free(slot)
    }

    private mutating func forgetCouponOperation(_ slot: UInt32) {
        let record = couponOperations[slot].pointee
        coupons[record.coupon].pointee.operationCount -= 1
        // The use in effect leaves with its coupon, which no event of its own tells.
        noteForgotten(record.id)
        ids.remove(idHash(record.id), RecordHandle(.couponOperation, slot).rawValue)
        couponOperations.free(slot)
    }

    /// A user of whom nothing is left leaves too: by no event, since it follows.
    mutating func forgetUserIfEmpty(_ slot: UInt32) {
        let user = users[slot]
        let wallet = user.pointee.wallet
        if wallet != 0 && wallets[wallet].pointee.isEmpty {
            wallets.free(wallet)
            user.pointee.wallet = 0
        }
        guard user.pointee.newestOrder == 0, user.pointee.wallet == 0 else { return }
        precondition(user.pointee.farLimitCount == 0, "units that count are of an order or a coupon")
        userIndex.remove(userHash(user.pointee.id), slot)
        users.free(slot)
    }
}

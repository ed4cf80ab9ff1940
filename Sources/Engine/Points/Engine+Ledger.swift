import Protocol

// The ledger of a user's points: what earnings, uses and cancels do to it, on the live path and in replay alike.
//
// An earning is a lot. Lots with points left form a list, earliest expiry first, the older first among equals (of one
// millisecond that with the lower id), those that never expire last. Which lots a use takes from follows from the list
// and from the time of the event, so that the event need not say it; a snapshot does.

extension Engine {
    /// The most lots with points left that one user may have: a use walks along them.
    static let lotsPerUserMax = 1024

    /// A user's points at this moment: what the list has, less what has expired at its front.
    func balance(ofUser user: UInt32, nowMs: UInt64) -> UInt64 {
        guard user != 0, users[user].pointee.wallet != 0 else { return 0 }
        let wallet = wallets[users[user].pointee.wallet]
        var points = wallet.pointee.points
        guard wallet.pointee.isFirstLotExpired(nowMs: nowMs) else { return points }
        linkLots(wallet)
        var lot = wallet.pointee.firstLot
        while lot != 0 && transactions[lot].pointee.isExpired(nowMs: nowMs) {
            points &-= UInt64(transactions[lot].pointee.remaining)
            lot = transactions[lot].pointee.next
        }
        return points
    }

    // MARK: State changes, shared with replay

    mutating func insertTransaction(
        _ kind: TransactionKind, id: Id128, idHash: UInt64, user: UInt32, amount: UInt32, expiresAtMs: UInt64,
        createdAtMs: UInt64, lsn: UInt64
    ) -> UInt32 {
        let wallet = wallet(ofUser: user)
        let slot = transactions.allocate()
        transactions[slot].initialize(
            to: TransactionRecord(
                id: id, createdAtMs: createdAtMs, expiresAtMs: expiresAtMs, amount: amount, user: user,
                older: wallet.pointee.newestTransaction, kind: kind))
        ids.insert(idHash, RecordHandle(.transaction, slot).rawValue)
        wallet.pointee.newestTransaction = slot
        users[user].pointee.lastLsn = lsn
        return slot
    }

    func reason(of transaction: UInt32) -> Reason {
        transactions[transaction].pointee.hasReason ? reasons[Int(transaction)] : Reason()
    }

    mutating func applyReason(_ transaction: UInt32, _ reason: Reason) {
        transactions[transaction].pointee.hasReason = true
        reasons[Int(transaction)] = reason
    }

    /// How many transactions there is room for, less what is kept for earnings of checkouts.
    var transactionsLeft: Int { transactions.countMax - transactions.count - earningsReserved }

    /// Whether a user may have one more lot.
    mutating func hasRoomForLot(ofUser user: UInt32, nowMs: UInt64) -> Bool {
        guard user != 0, users[user].pointee.wallet != 0 else { return true }
        dropExpiredLots(ofUser: user, nowMs: nowMs)
        let wallet = wallets[users[user].pointee.wallet].pointee
        return Int(wallet.lotCount) + Int(wallet.lotsReserved) < Self.lotsPerUserMax
    }

    /// Takes the points of a use from the lots that expire first. They suffice.
    mutating func applyUse(_ use: UInt32, nowMs: UInt64) {
        let user = transactions[use].pointee.user
        dropExpiredLots(ofUser: user, nowMs: nowMs)
        var missing = transactions[use].pointee.amount
        var last: UInt32 = 0
        while missing > 0 {
            let lot = wallets[users[user].pointee.wallet].pointee.firstLot
            let amount = min(missing, transactions[lot].pointee.remaining)
            missing -= amount
            last = appendTaking(lot, amount, to: use, after: last)
            takeFromLot(lot, amount)
        }
    }

    /// Takes points from a lot in the list.
    mutating func takeFromLot(_ lot: UInt32, _ amount: UInt32) {
        let record = transactions[lot]
        record.pointee.remaining -= amount
        wallets[users[record.pointee.user].pointee.wallet].pointee.points -= UInt64(amount)
        if record.pointee.remaining == 0 { unlistLot(lot) }
    }

    /// Takes expired lots out of the list. What can be seen does not change by it.
    mutating func dropExpiredLots(ofUser user: UInt32, nowMs: UInt64) {
        guard user != 0, users[user].pointee.wallet != 0 else { return }
        let wallet = wallets[users[user].pointee.wallet]
        while wallet.pointee.isFirstLotExpired(nowMs: nowMs) { unlistLot(wallet.pointee.firstLot) }
    }

    /// Cancels a use, or an earning of which nothing is spent.
    mutating func applyCancelTransaction(_ slot: UInt32, nowMs: UInt64) {
        transactions[slot].pointee.isCancelled = true
        switch transactions[slot].pointee.kind {
        case .earning: if transactions[slot].pointee.isListed { unlistLot(slot) }
        case .use: giveBack(slot, nowMs: nowMs)
        }
    }

    /// Gives back to each lot what a use took from it. A lot keeps its expiry.
    private mutating func giveBack(_ use: UInt32, nowMs: UInt64) {
        var taking = transactions[use].pointee.next
        while taking != 0 {
            let lot = lotToReturnTo(taking)
            let amount = takings[taking].pointee.amount
            transactions[lot].pointee.remaining += amount
            if transactions[lot].pointee.isListed {
                wallets[users[transactions[lot].pointee.user].pointee.wallet].pointee.points += UInt64(amount)
            } else if !transactions[lot].pointee.isExpired(nowMs: nowMs) {
                listLot(lot)
            }
            taking = takings[taking].pointee.next
        }
        dropTakings(of: use)
    }

    /// Forgets what a use took.
    mutating func dropTakings(of use: UInt32) {
        var taking = transactions[use].pointee.next
        transactions[use].pointee.next = 0
        while taking != 0 {
            let record = takings[taking].pointee
            transactions[record.lot].pointee.takingCount -= 1
            takings.remove(taking)
            taking = record.next
        }
    }

    private func lotToReturnTo(_ taking: UInt32) -> UInt32 {
        let lot = takings[taking].pointee.lot
        guard PlantedBug.pointsToTheWrongLot.isPlanted else { return lot }
        let last = wallets[users[transactions[lot].pointee.user].pointee.wallet].pointee.lastLot
        return last == 0 ? lot : last
    }

    mutating func appendTaking(_ lot: UInt32, _ amount: UInt32, to use: UInt32, after last: UInt32) -> UInt32 {
        let slot = takings.insert(TakingRecord(lot: lot, amount: amount, next: 0))
        transactions[lot].pointee.takingCount += 1
        if last == 0 { transactions[use].pointee.next = slot } else { takings[last].pointee.next = slot }
        return slot
    }

    // MARK: The list of lots

    /// Enters a lot into its user's list. Most lots expire last: such a one is put behind the last one without a look
    /// at it, which learns of it when somebody walks there.
    @inline(__always)
    mutating func listLot(_ lot: UInt32) {
        let record = transactions[lot]
        let wallet = wallets[users[record.pointee.user].pointee.wallet]
        guard isLast(record.pointee, wallet.pointee) else { return insertLot(lot) }
        record.pointee.previous = wallet.pointee.lastLot
        record.pointee.next = 0
        record.pointee.isListed = true
        if wallet.pointee.lastLot == 0 {
            wallet.pointee.firstLot = lot
            wallet.pointee.firstExpiresAtMs = record.pointee.expiresAtMs
            wallet.pointee.linkedLot = lot
        }
        setLastLot(lot, wallet)
        wallet.pointee.points += UInt64(record.pointee.remaining)
        wallet.pointee.lotCount += 1
    }

    /// Whether a lot belongs behind all others. Two that only their ids order are left to a closer look.
    @inline(__always)
    private func isLast(_ lot: TransactionRecord, _ wallet: WalletRecord) -> Bool {
        if wallet.lastLot == 0 { return true }
        if lot.expiresAtMs != wallet.lastExpiresAtMs { return lot.expiresAtMs &- 1 > wallet.lastExpiresAtMs &- 1 }
        return lot.createdAtMs > wallet.lastCreatedAtMs
    }

    @inline(never)
    private mutating func insertLot(_ lot: UInt32) {
        let record = transactions[lot]
        let wallet = wallets[users[record.pointee.user].pointee.wallet]
        linkLots(wallet)
        var before = wallet.pointee.lastLot
        while before != 0 && isBefore(lot, before) { before = transactions[before].pointee.previous }
        let after = before == 0 ? wallet.pointee.firstLot : transactions[before].pointee.next
        record.pointee.previous = before
        record.pointee.next = after
        record.pointee.isListed = true
        if before == 0 { setFirstLot(lot, wallet) } else { transactions[before].pointee.next = lot }
        if after == 0 {
            setLastLot(lot, wallet)
            wallet.pointee.linkedLot = lot
        } else {
            transactions[after].pointee.previous = lot
        }
        wallet.pointee.points += UInt64(record.pointee.remaining)
        wallet.pointee.lotCount += 1
    }

    mutating func unlistLot(_ lot: UInt32) {
        let record = transactions[lot]
        let wallet = wallets[users[record.pointee.user].pointee.wallet]
        // The first one knows the next, unless it is the last that does not.
        if lot != wallet.pointee.firstLot || lot == wallet.pointee.linkedLot { linkLots(wallet) }
        let (before, after) = (record.pointee.previous, record.pointee.next)
        if before == 0 { setFirstLot(after, wallet) } else { transactions[before].pointee.next = after }
        if after == 0 {
            setLastLot(before, wallet)
            wallet.pointee.linkedLot = before
        } else {
            transactions[after].pointee.previous = before
        }
        record.pointee.previous = 0
        record.pointee.next = 0
        record.pointee.isListed = false
        wallet.pointee.points -= UInt64(record.pointee.remaining)
        wallet.pointee.lotCount -= 1
    }

    /// Lets every lot of the list know the one behind it.
    func linkLots(_ wallet: UnsafeMutablePointer<WalletRecord>) {
        var lot = wallet.pointee.lastLot
        while lot != wallet.pointee.linkedLot {
            let before = transactions[lot].pointee.previous
            transactions[before].pointee.next = lot
            lot = before
        }
        wallet.pointee.linkedLot = wallet.pointee.lastLot
    }

    /// 0 for none.
    private func setFirstLot(_ lot: UInt32, _ wallet: UnsafeMutablePointer<WalletRecord>) {
        wallet.pointee.firstLot = lot
        wallet.pointee.firstExpiresAtMs = lot == 0 ? 0 : transactions[lot].pointee.expiresAtMs
    }

    /// 0 for none.
    @inline(__always)
    private func setLastLot(_ lot: UInt32, _ wallet: UnsafeMutablePointer<WalletRecord>) {
        wallet.pointee.lastLot = lot
        wallet.pointee.lastExpiresAtMs = lot == 0 ? 0 : transactions[lot].pointee.expiresAtMs
        wallet.pointee.lastCreatedAtMs = lot == 0 ? 0 : transactions[lot].pointee.createdAtMs
    }

    /// The order of lots. Never is later than any time.
    private func isBefore(_ lot: UInt32, _ other: UInt32) -> Bool {
        let (a, b) = (transactions[lot], transactions[other])
        if a.pointee.expiresAtMs != b.pointee.expiresAtMs {
            return a.pointee.expiresAtMs &- 1 < b.pointee.expiresAtMs &- 1
        }
        if a.pointee.createdAtMs != b.pointee.createdAtMs { return a.pointee.createdAtMs < b.pointee.createdAtMs }
        return (a.pointee.id.high, a.pointee.id.low) < (b.pointee.id.high, b.pointee.id.low)
    }
}

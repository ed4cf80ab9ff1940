import Protocol

// The units that a user holds and has of an offer with a per-user limit: in the user's own line for the first
// three offers, in a table of their own for further ones.

extension Engine {
    /// Whether so many units more would be beyond the limit of an offer. `user` 0: one who has none yet.
    @inline(__always)
    func isBeyondLimit(user: UInt32, userHash: UInt64, offer: UInt32, units: UInt32) -> Bool {
        let limit = offers[offer].pointee.terms.perUserLimit
        if limit == 0 { return false }
        let had = user == 0 ? 0 : limitUnits(user: user, userHash: userHash, offer: offer)
        return UInt64(had) + UInt64(units) > UInt64(limit)
    }

    /// Units counted towards the limit of an offer.
    @inline(__always)
    func limitUnits(user: UInt32, userHash: UInt64, offer: UInt32) -> UInt32 {
        let record = users[user]
        if let units = record.pointee.limits.units(of: offer) { return units }
        if record.pointee.farLimitCount == 0 { return 0 }
        let slot = findFarLimit(user: user, offer: offer, hash: limitHash(userHash: userHash, offer: offer))
        return slot == 0 ? 0 : limits[slot].pointee.units
    }

    /// Counts units towards a user's limit, if the offer has one.
    @inline(__always)
    mutating func addLimit(user: UInt32, userHash: UInt64, offer: UInt32, units: UInt32) {
        guard offers[offer].pointee.terms.perUserLimit != 0 else { return }
        let record = users[user]
        if let had = record.pointee.limits.units(of: offer) {
            _ = record.pointee.limits.set(offer, inPlaceOf: offer, had &+ units)
            return
        }
        // An offer has one place: what lies far stays there, also when a near one becomes free.
        if record.pointee.farLimitCount == 0 && record.pointee.limits.set(offer, inPlaceOf: 0, units) { return }
        addFarLimit(user: user, userHash: userHash, offer: offer, units: units)
    }

    /// Takes back units that were counted, if the offer has a limit.
    mutating func subtractLimit(user: UInt32, offer: UInt32, units: UInt32) {
        guard offers[offer].pointee.terms.perUserLimit != 0 else { return }
        let record = users[user]
        if let had = record.pointee.limits.units(of: offer) {
            _ = record.pointee.limits.set(offer, inPlaceOf: offer, had - units)
            return
        }
        let hash = limitHash(userHash: userHash(record.pointee.id), offer: offer)
        let slot = findFarLimit(user: user, offer: offer, hash: hash)
        limits[slot].pointee.units -= units
        if limits[slot].pointee.units > 0 { return }
        limitIndex.remove(hash, slot)
        limits.free(slot)
        record.pointee.farLimitCount -= 1
    }

    /// Starts the load of the line that names how much a user has of an offer, where some users have it far.
    @inline(__always)
    func prefetchLimit(userHash: UInt64, _ kind: OfferKind = .sale, offer id: UInt64) {
        guard limits.count > 0 else { return }
        let offer = findOffer(kind, id)
        guard offer != 0, offers[offer].pointee.terms.perUserLimit != 0 else { return }
        limitIndex.prefetch(limitHash(userHash: userHash, offer: offer))
    }

    @inline(never)
    private mutating func addFarLimit(user: UInt32, userHash: UInt64, offer: UInt32, units: UInt32) {
        let hash = limitHash(userHash: userHash, offer: offer)
        var slot = findFarLimit(user: user, offer: offer, hash: hash)
        if slot == 0 {
            if users[user].pointee.limits.set(offer, inPlaceOf: 0, units) { return }
            slot = limits.allocate()
            limits[slot].initialize(to: LimitRecord(user: user, offer: offer, units: 0))
            limitIndex.insert(hash, slot)
            users[user].pointee.farLimitCount &+= 1
        }
        limits[slot].pointee.units &+= units
    }

    @inline(__always)
    private func limitHash(userHash: UInt64, offer: UInt32) -> UInt64 {
        Partition.mix(userHash &+ UInt64(offer) &* 0x9e37_79b9_7f4a_7c15)
    }

    /// The slot of a user's units of an offer in the table, or 0.
    @inline(__always)
    private func findFarLimit(user: UInt32, offer: UInt32, hash: UInt64) -> UInt32 {
        var probe = limitIndex.probe(hash)
        while true {
            let slot = probe.next()
            if slot == 0 { return 0 }
            let record = limits[slot]
            if record.pointee.user == user && record.pointee.offer == offer { return slot }
        }
    }
}

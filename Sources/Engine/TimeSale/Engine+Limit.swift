import Protocol

// The units that a user holds and has of a sale with a per-user limit: in the user's own line for the first
// three sales, in a table of their own for further ones.

extension Engine {
    /// Units counted towards the limit of a sale.
    @inline(__always)
    func limitUnits(user: UInt32, userHash: UInt64, sale: UInt32) -> UInt32 {
        let record = users[user]
        if let units = record.pointee.limits.units(of: sale) { return units }
        if record.pointee.farLimitCount == 0 { return 0 }
        let slot = findFarLimit(user: user, sale: sale, hash: limitHash(userHash: userHash, sale: sale))
        return slot == 0 ? 0 : limits[slot].pointee.units
    }

    /// Counts units towards a user's limit, if the sale has one.
    @inline(__always)
    mutating func addLimit(user: UInt32, userHash: UInt64, sale: UInt32, units: UInt32) {
        guard sales[sale].pointee.perUserLimit != 0 else { return }
        let record = users[user]
        if let had = record.pointee.limits.units(of: sale) {
            _ = record.pointee.limits.set(sale, inPlaceOf: sale, had &+ units)
            return
        }
        // A sale has one place: what lies far stays there, also when a near one becomes free.
        if record.pointee.farLimitCount == 0 && record.pointee.limits.set(sale, inPlaceOf: 0, units) { return }
        addFarLimit(user: user, userHash: userHash, sale: sale, units: units)
    }

    /// Takes back units that were counted, if the sale has a limit.
    mutating func subtractLimit(user: UInt32, sale: UInt32, units: UInt32) {
        guard sales[sale].pointee.perUserLimit != 0 else { return }
        let record = users[user]
        if let had = record.pointee.limits.units(of: sale) {
            _ = record.pointee.limits.set(sale, inPlaceOf: sale, had - units)
            return
        }
        let hash = limitHash(userHash: hash(record.pointee.id), sale: sale)
        limits[findFarLimit(user: user, sale: sale, hash: hash)].pointee.units -= units
    }

    /// Starts the load of the line that names a user's units of a sale, where some users have them far.
    @inline(__always)
    func prefetchLimit(userHash: UInt64, sale saleId: UInt64) {
        guard limits.count > 0 else { return }
        let sale = findSale(saleId)
        guard sale != 0, sales[sale].pointee.perUserLimit != 0 else { return }
        limitIndex.prefetch(limitHash(userHash: userHash, sale: sale))
    }

    @inline(never)
    private mutating func addFarLimit(user: UInt32, userHash: UInt64, sale: UInt32, units: UInt32) {
        let hash = limitHash(userHash: userHash, sale: sale)
        var slot = findFarLimit(user: user, sale: sale, hash: hash)
        if slot == 0 {
            if users[user].pointee.limits.set(sale, inPlaceOf: 0, units) { return }
            slot = limits.allocate()
            limits[slot].initialize(to: LimitRecord(user: user, sale: sale, units: 0))
            limitIndex.insert(hash, slot)
            users[user].pointee.farLimitCount &+= 1
        }
        limits[slot].pointee.units &+= units
    }

    @inline(__always)
    private func limitHash(userHash: UInt64, sale: UInt32) -> UInt64 {
        Partition.mix(userHash &+ UInt64(sale) &* 0x9e37_79b9_7f4a_7c15)
    }

    /// The slot of a user's units of a sale in the table, or 0.
    @inline(__always)
    private func findFarLimit(user: UInt32, sale: UInt32, hash: UInt64) -> UInt32 {
        var probe = limitIndex.probe(hash)
        while true {
            let slot = probe.next()
            if slot == 0 { return 0 }
            let record = limits[slot]
            if record.pointee.user == user && record.pointee.sale == sale { return slot }
        }
    }
}

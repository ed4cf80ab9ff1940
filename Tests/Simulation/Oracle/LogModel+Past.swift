import Engine
import Protocol

// What has left memory. Replies may be on their way that show it as it was; an id that was forgotten may stand for
// something again, if it has no age by which it would be refused.

extension LogModel {
    struct Past {
        /// Indices, oldest first, by id.
        var orders: [Id128: [Int]] = [:]
        var coupons: [Id128: [Int]] = [:]
        var checkouts: [Id128: [Int]] = [:]
        var tombstones: [Id128: [Tombstone]] = [:]
        var couponOperations: [Id128: [CouponOperation]] = [:]
        /// Whose transaction an id was.
        var transactions: [Id128: Id128] = [:]
        /// The checkout that an id was the id of a part of.
        var parts: [Id128: Int] = [:]
        var creations: [Id128: Int] = [:]
        var restocks: [Id128: Restock] = [:]
        /// How often each id was forgotten.
        var counts: [Id128: Int] = [:]
        /// The youngest mint time of an id that was.
        var youngestMintMs: UInt64 = 0
    }

    // MARK: Known now, or before

    /// The order with an id, or the last one that had it. `createdAtMs`: the one that was placed then, if there is one.
    func order(_ id: Id128, createdAtMs: UInt64? = nil) -> Order? {
        let all = allOrders(id)
        return all.last { $0.createdAtMs == createdAtMs } ?? all.last
    }

    func coupon(_ id: Id128, issuedAtMs: UInt64? = nil) -> Coupon? {
        let all = allCoupons(id)
        return all.last { $0.issuedAtMs == issuedAtMs } ?? all.last
    }

    func checkout(_ id: Id128, createdAtMs: UInt64? = nil) -> Checkout? {
        let all = allCheckouts(id)
        return all.last { $0.createdAtMs == createdAtMs } ?? all.last
    }

    // All that have had an id, one after the other, the last one last.

    func allOrders(_ id: Id128) -> [Order] {
        ((past.orders[id] ?? []) + (places[id].map { [$0] } ?? [])).map { orders[$0] }
    }

    func allCoupons(_ id: Id128) -> [Coupon] {
        ((past.coupons[id] ?? []) + (couponPlaces[id].map { [$0] } ?? [])).map { coupons[$0] }
    }

    func allCheckouts(_ id: Id128) -> [Checkout] {
        ((past.checkouts[id] ?? []) + (checkoutPlaces[id].map { [$0] } ?? [])).map { checkouts[$0] }
    }

    /// The checkout that an id is the id of a part of, or was.
    func checkout(ofPart id: Id128) -> Checkout? { (parts[id] ?? past.parts[id]).map { checkouts[$0] } }

    /// All tombstones that have had an id, the last one first.
    func allTombstones(_ id: Id128) -> [Place] {
        ((tombstones[id].map { [$0] } ?? []) + (past.tombstones[id] ?? []).reversed()).map(\.place)
    }

    /// All uses and restores that have had an id, the last one first.
    func operations(_ id: Id128) -> [CouponOperation] {
        (couponOperations[id].map { [$0] } ?? []) + (past.couponOperations[id] ?? []).reversed()
    }

    func userOfTransaction(_ id: Id128) -> Id128? { transactions[id] ?? past.transactions[id] }
    func creation(_ operation: Id128) -> Int? { creations[operation] ?? past.creations[operation] }
    func restock(_ id: Id128) -> Restock? { restocks[id] ?? past.restocks[id] }

    func wasForgotten(_ id: Id128) -> Bool { past.counts[id] != nil }

    // MARK: Histories

    // What a client has seen of an id is a number of versions, over all that have had it one after the other.

    func versionsBefore(ofOrder id: Id128) -> Int {
        past.orders[id]?.last.map { orders[$0].versionsBefore + orders[$0].versions.count } ?? 0
    }

    func versionsBefore(ofCoupon id: Id128) -> Int {
        past.coupons[id]?.last.map { coupons[$0].versionsBefore + coupons[$0].versions.count } ?? 0
    }

    func versionsBefore(ofCheckout id: Id128) -> Int {
        past.checkouts[id]?.last.map { checkouts[$0].versionsBefore + versions(checkouts[$0]).count } ?? 0
    }

    func versionsOfOrder(_ id: Id128) -> Int {
        versionsBefore(ofOrder: id) + (places[id].map { orders[$0].versions.count } ?? 0)
    }

    func versionsOfCoupon(_ id: Id128) -> Int {
        versionsBefore(ofCoupon: id) + (couponPlaces[id].map { coupons[$0].versions.count } ?? 0)
    }

    func versionsOfCheckout(_ id: Id128) -> Int {
        versionsBefore(ofCheckout: id) + (checkoutPlaces[id].map { versions(checkouts[$0]).count } ?? 0)
    }

    // MARK: New ids

    /// Promise 4: what makes an id known. It is not known; and if it has an age, it was never forgotten, and is not so
    /// old that it could have been.
    func checkIsNew(_ id: Id128, atMs timeMs: UInt64, _ what: String) throws(Violation) {
        if isKnown(id) { throw Violation(4, "\(what) \(id) is logged, an id that was known") }
        guard let mintTimeMs = id.mintTimeMs else { return }
        if wasForgotten(id) { throw Violation(4, "\(what) \(id) is logged, an id of an age that was forgotten") }
        if mintTimeMs + retainMs < timeMs {
            throw Violation(4, "\(what) \(id) is logged at \(timeMs), an id minted at \(mintTimeMs)")
        }
    }
}

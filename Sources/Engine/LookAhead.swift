import CAtomics
import Protocol

// Looking ahead. Almost every entry touches lines of the tables that nothing touched before it, each of them
// 100 ns away and behind a miss of the TLB. So its lines are asked for in steps while others are being decided:
// first those of the indexes, whose place follows from the ids; some entries later the records that they name.
// Coupons and points go on from there, to the wallet that the user names, and to the lots that the wallet names.
//
// The steps go in small groups, all places first, then all loads: a prefetch does not retire before its page is
// found, so that page walks of neighbouring ones overlap. A group is small because a processor that has no
// free miss buffer (two or three dozen a core) drops a prefetch silently.
//
// A batch of orders keeps what the steps find: see `OrderLookups`.

/// The steps, each of which needs what the one before it has loaded.
public enum LookAheadStep: CaseIterable, Sendable {
    case indexes
    case records
    /// Within a batch alone: of what a user has besides orders, and of points.
    case wallets
    case lots

    public static var group: Int { 4 }

    /// A step is taken for the next `group` entries when fewer than this lie between the entry in hand and those
    /// for which it has been taken.
    @inlinable @inline(__always)
    public var entriesMin: Int { entriesMin(of: .order) }

    /// The same for one operation: one that takes more steps begins earlier.
    @inlinable @inline(__always)
    public func entriesMin(of operation: Operation) -> Int {
        let more = operation.usesWallet ? 8 : 0
        switch self {
        case .indexes: return 12 &+ more
        case .records: return 6 &+ more
        case .wallets: return 8
        case .lots: return 3
        }
    }
}

extension Operation {
    @inlinable @inline(__always)
    var usesWallet: Bool { self == .issueCoupon || usesLots }

    @inlinable @inline(__always)
    var usesLots: Bool { self == .earnPoints || self == .usePoints }
}

/// Entries that a step is to be taken for.
public struct LookAheadEntries: ~Copyable {
    private let entries: UnsafeMutablePointer<UnsafeRawPointer>
    private(set) public var count = 0
    /// What all of them ask for; nil if they differ, or if there are none.
    private(set) var operation: Operation?

    public init() { entries = .allocate(capacity: LookAheadStep.group) }

    deinit { entries.deallocate() }

    @inline(__always)
    public var isFull: Bool { count == LookAheadStep.group }

    /// Adds an entry of an operation whose entries begin with an id of their own. It need not be checked yet: any
    /// bytes will do, as long as they are as many as an entry has. Only when not full.
    @inline(__always)
    public mutating func append(_ entry: UnsafeRawPointer, _ operation: Operation) {
        precondition(count < LookAheadStep.group)
        if count == 0 { self.operation = operation } else if self.operation != operation { self.operation = nil }
        entries[count] = entry
        count &+= 1
    }

    /// Adds entries of one operation that lie `stride` bytes apart. Only when empty.
    @inline(__always)
    mutating func fill(_ first: UnsafeRawPointer, count: Int, stride: Int, _ operation: Operation) {
        precondition(self.count == 0 && count <= LookAheadStep.group)
        for index in 0..<count { entries[index] = first + index &* stride }
        self.count = count
        self.operation = operation
    }

    @inline(__always)
    mutating func removeAll() { count = 0 }

    @inline(__always)
    subscript(_ index: Int) -> UnsafeRawPointer { entries[index] }
}

extension Engine {
    /// Takes a step for these entries, and empties the list.
    public func lookAhead(_ step: LookAheadStep, _ list: inout LookAheadEntries) {
        switch (list.operation, step) {
        case (.order, .indexes):
            prefetchIndexes(list)
            prefetchOfferIndexes(list, .sale)
        case (.order, .records):
            prefetchUsers(list)
            prefetchOffers(list, .sale)
            prefetchOrdersToCome(list.count, ahead: step.entriesMin &+ LookAheadStep.group)
        case (.issueCoupon, .indexes):
            prefetchIndexes(list)
            prefetchOfferIndexes(list, .policy)
        case (.issueCoupon, .records):
            prefetchUsers(list)
            prefetchOffers(list, .policy)
        case (.earnPoints, .indexes), (.usePoints, .indexes), (.placeCheckout, .indexes): prefetchIndexes(list)
        case (.earnPoints, .records), (.usePoints, .records), (.placeCheckout, .records): prefetchUsers(list)
        case (.earnPoints, .wallets), (.usePoints, .wallets), (.issueCoupon, .wallets): prefetchWallets(list)
        case (.earnPoints, .lots), (.usePoints, .lots): prefetchLots(list)
        case (.useCoupon, .indexes), (.restoreCoupon, .indexes):
            prefetchIds(list, at: 0)
            prefetchIds(list, at: 16)
        case (.useCoupon, .records), (.restoreCoupon, .records): prefetchNamed(list, at: 16)
        case (_, .indexes): prefetchIds(list, at: 0)
        case (_, .records): prefetchNamed(list, at: 0)
        case (_, .wallets), (_, .lots): break
        }
        list.removeAll()
    }

    /// Of entries that name their user.
    private func prefetchIndexes(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            for index in 0..<list.count {
                places[2 &* index] = ids.place(idHash(list[index].loadId(0)))
                places[2 &* index &+ 1] = userIndex.place(userHash(list[index].loadId(16)))
            }
            for index in 0..<(2 &* list.count) { ts_prefetch_read(places[index]) }
        }
    }

    @inline(__always)
    private func prefetchOfferIndexes(_ list: borrowing LookAheadEntries, _ kind: OfferKind) {
        guard hasManyOffers || limits.count > 0 else { return }
        for index in 0..<list.count {
            prefetchOfferIndex(kind, list[index], userHash: userHash(list[index].loadId(16)))
        }
    }

    /// Of an entry that names a sale or a policy, at 32.
    @inline(__always)
    func prefetchOfferIndex(_ kind: OfferKind, _ entry: UnsafeRawPointer, userHash: UInt64) {
        let offer: UInt64 = entry.loadLE(32)
        if hasManyOffers { offerIndex.prefetch(offerHash(kind, offer)) }
        if limits.count > 0 { prefetchLimit(userHash: userHash, kind, offer: offer) }
    }

    private func prefetchIds(_ list: borrowing LookAheadEntries, at offset: Int) {
        for index in 0..<list.count { ids.prefetch(idHash(list[index].loadId(offset))) }
    }

    /// What operations on a record name.
    private func prefetchNamed(_ list: borrowing LookAheadEntries, at offset: Int) {
        for index in 0..<list.count {
            var probe = ids.probe(idHash(list[index].loadId(offset)))
            let handle = RecordHandle(rawValue: probe.next())
            if handle.rawValue == 0 { continue }
            switch handle.kind {
            case .order: orders.prefetch(handle.slot)
            case .coupon: coupons.prefetch(handle.slot)
            case .transaction: transactions.prefetch(handle.slot)
            case .checkout: checkouts.prefetch(handle.slot)
            case .tombstone, .catalogueOperation, .couponOperation: break
            }
        }
    }

    /// A wrong guess, where two keys share a tag, costs one load.
    private func prefetchUsers(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            var count = 0
            for index in 0..<list.count {
                var probe = userIndex.probe(userHash(list[index].loadId(16)))
                let user = probe.next()
                places[count] = users.place(user)
                count &+= user == 0 ? 0 : 1
            }
            for index in 0..<count { ts_prefetch_write(places[index]) }
        }
    }

    /// So many that their lines are not in the nearest cache anyway.
    var hasManyOffers: Bool { offers.count > 64 }

    @inline(__always)
    private func prefetchOffers(_ list: borrowing LookAheadEntries, _ kind: OfferKind) {
        guard hasManyOffers else { return }
        for index in 0..<list.count { prefetchOffer(kind, list[index]) }
    }

    @inline(__always)
    func prefetchOffer(_ kind: OfferKind, _ entry: UnsafeRawPointer) {
        var probe = offerIndex.probe(offerHash(kind, entry.loadLE(32)))
        let offer = probe.next()
        if offer == 0 { return }
        offers.prefetch(offer)
        counters.prefetch(Int(offer), configuration.shard)
    }

    // MARK: Points

    /// The wallet that an entry's user names; 0 for none.
    @inline(__always)
    private func wallet(of entry: UnsafeRawPointer) -> UInt32 {
        var probe = userIndex.probe(userHash(entry.loadId(16)))
        let user = probe.next()
        return user == 0 ? 0 : users[user].pointee.wallet
    }

    private func prefetchWallets(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            var count = 0
            for index in 0..<list.count {
                let wallet = wallet(of: list[index])
                places[count] = wallets.place(wallet)
                count &+= wallet == 0 ? 0 : 1
            }
            for index in 0..<count { ts_prefetch_write(places[index]) }
        }
    }

    /// A use takes from the first lot; an earning touches no other one.
    private func prefetchLots(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            var count = 0
            for index in 0..<list.count where list.operation != .earnPoints {
                let wallet = wallet(of: list[index])
                if wallet == 0 { continue }
                places[count] = transactions.place(wallets[wallet].pointee.firstLot)
                count &+= 1
            }
            for index in 0..<count { ts_prefetch_write(places[index]) }
        }
        // What they will write in sequence.
        let ahead = LookAheadStep.lots.entriesMin &+ LookAheadStep.group
        for index in 0..<list.count { ts_prefetch_write(transactions.placeToCome(ahead &+ index)) }
    }
}

/// Where the loads of one step go, on the stack: at most two for each entry of a group.
private struct Places {
    private var words = SIMD8<UInt64>()

    @inline(__always)
    mutating func with(_ body: (UnsafeMutablePointer<UnsafeRawPointer>) -> Void) {
        withUnsafeMutableBytes(of: &words) { memory in
            body(memory.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UnsafeRawPointer.self))
        }
    }
}

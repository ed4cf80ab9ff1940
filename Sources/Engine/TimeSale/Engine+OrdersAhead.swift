import CAtomics
import Protocol

// Looking ahead in a batch of orders: the same steps as in `LookAhead.swift`, in larger groups, and what a step has
// found of an order is kept for the next one and for the decision. So each id is hashed once, and a user whom the step
// has found is not searched for again.

/// What is known of an order before it is decided on.
struct OrderLookup {
    /// The order that it was found of.
    let entry: UnsafeRawPointer
    let idHash: UInt64
    let userHash: UInt64
    /// The slot that the index named first, 0 for none: a guess, since the record has not been looked at.
    var user: UInt32 = 0
}

/// The lookups of the orders ahead, by their number in the batch. Of one batch: nobody begins another one before the
/// one in hand is finished.
struct OrderLookups: ~Copyable {
    /// Orders that a step is taken for at once. Their page walks overlap: what they take together is about what one
    /// takes alone.
    static let group = 8
    /// A step is taken when fewer orders than this lie between the one in hand and those for which it has been taken.
    static let indexesMin = 16
    static let recordsMin = 8

    private static let count = 32
    private let lookups: UnsafeMutablePointer<OrderLookup>

    init() {
        precondition(Self.count >= Self.indexesMin + Self.group && Self.count & (Self.count - 1) == 0)
        // No order's user is searched before its ids are hashed.
        precondition(Self.recordsMin + Self.group <= Self.indexesMin)
        lookups = .allocate(capacity: Self.count)
    }

    deinit { lookups.deallocate() }

    @inline(__always)
    subscript(_ number: Int) -> UnsafeMutablePointer<OrderLookup> { lookups + number & (Self.count - 1) }
}

extension Engine {
    /// Of an order that nothing was looked ahead for.
    @inline(__always)
    func lookUp(_ entry: UnsafeRawPointer) -> OrderLookup {
        OrderLookup(entry: entry, idHash: idHash(entry.loadId(0)), userHash: userHash(entry.loadId(16)))
    }

    /// Hashes the ids of these orders, and starts the loads of the lines where they will be searched.
    @inline(never)
    func lookAheadIndexes(_ entries: UnsafeRawPointer, stride: Int, _ range: Range<Int>) {
        for number in range {
            lookups.pointee[number].initialize(to: lookUp(entries + number &* stride))
        }
        for number in range {
            let lookup = lookups.pointee[number]
            ts_prefetch_read(ids.place(lookup.pointee.idHash))
            ts_prefetch_read(userIndex.place(lookup.pointee.userHash))
        }
        guard hasManyOffers || limits.count > 0 else { return }
        for number in range {
            let lookup = lookups.pointee[number]
            prefetchOfferIndex(.sale, lookup.pointee.entry, userHash: lookup.pointee.userHash)
        }
    }

    /// Searches the users of these orders, and starts the loads of their records, and of what the orders will write if
    /// all before them are accepted. `ahead`: how many lie between the first of them and the order in hand.
    @inline(never)
    func lookAheadRecords(_ range: Range<Int>, ahead: Int) {
        for number in range {
            let lookup = lookups.pointee[number]
            lookup.pointee.user = userIndex.first(lookup.pointee.userHash)
        }
        // Where there is none it is the line of slot 0, which nobody uses.
        for number in range { ts_prefetch_write(users.place(lookups.pointee[number].pointee.user)) }
        prefetchOrdersToCome(range.count, ahead: ahead)
        guard hasManyOffers else { return }
        for number in range { prefetchOffer(.sale, lookups.pointee[number].pointee.entry) }
    }

    /// What orders will write in sequence: their records and their events, most of them short. The processor's own
    /// prefetcher does not reach over the end of a page.
    @inline(__always)
    func prefetchOrdersToCome(_ count: Int, ahead: Int) {
        for index in 0..<count { ts_prefetch_write(orders.placeToCome(ahead &+ index)) }
        let ids = UnsafeRawPointer(events.pointee.base) + (events.pointee.usedBytes &+ ahead &* ShortOrders.idsBytes)
        // Two of them in a line.
        for index in 0...(count &>> 1) { ts_prefetch_write(ids + index &* (2 &* ShortOrders.idsBytes)) }
    }
}

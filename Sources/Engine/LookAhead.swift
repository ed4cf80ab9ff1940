import CAtomics
import Protocol

// Looking ahead. Almost every order touches lines of the tables that nothing touched before it, each of them
// 100 ns away and behind a miss of the TLB. So its lines are asked for in two steps while others are being
// decided: first those of the indexes, whose place follows from the ids; some orders later the records that
// they name.
//
// Both steps go in small groups, all places first, then all loads: a prefetch does not retire before its page is
// found, so that page walks of neighbouring ones overlap. A group is small because a processor that has no
// free miss buffer (two or three dozen a core) drops a prefetch silently.

/// The two steps.
public enum LookAheadStep: Sendable {
    case indexes
    case records

    /// A step is taken for the next `group` entries when fewer than this lie between the entry in hand and those
    /// for which it has been taken.
    @inlinable @inline(__always)
    public var entriesMin: Int { self == .indexes ? 12 : 6 }

    public static var group: Int { 4 }
}

/// Entries that a step is to be taken for.
public struct LookAheadEntries: ~Copyable {
    private let entries: UnsafeMutablePointer<UnsafeRawPointer>
    private(set) public var count = 0
    /// Whether they are orders; else they begin with the id of one.
    private var areOrders = true

    public init() { entries = .allocate(capacity: LookAheadStep.group) }

    deinit { entries.deallocate() }

    @inline(__always)
    public var isFull: Bool { count == LookAheadStep.group }

    /// Adds an entry of an operation on orders. It need not be checked yet: any bytes will do, as long as they
    /// are as many as an entry has. Only when not full.
    @inline(__always)
    public mutating func append(_ entry: UnsafeRawPointer, _ operation: Operation) {
        precondition(count < LookAheadStep.group)
        if operation != .order { areOrders = false }
        entries[count] = entry
        count &+= 1
    }

    @inline(__always)
    mutating func removeAll() {
        count = 0
        areOrders = true
    }

    @inline(__always)
    subscript(_ index: Int) -> UnsafeRawPointer { entries[index] }

    @inline(__always)
    var hasOrdersOnly: Bool { areOrders }
}

extension Engine {
    /// Takes a step for these entries, and empties the list.
    public func lookAhead(_ step: LookAheadStep, _ list: inout LookAheadEntries) {
        switch (step, list.hasOrdersOnly) {
        case (.indexes, true): prefetchIndexesOfOrders(list)
        case (.records, true): prefetchUsersOfOrders(list)
        case (.indexes, false): for index in 0..<list.count { ids.prefetch(hash(list[index].loadId(0))) }
        case (.records, false):
            for index in 0..<list.count {
                var probe = ids.probe(hash(list[index].loadId(0)))
                let handle = RecordHandle(rawValue: probe.next())
                if handle.rawValue != 0 && handle.kind == .order { orders.prefetch(handle.slot) }
            }
        }
        list.removeAll()
    }

    private func prefetchIndexesOfOrders(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            for index in 0..<list.count {
                places[2 &* index] = ids.place(hash(list[index].loadId(0)))
                places[2 &* index &+ 1] = userIndex.place(hash(list[index].loadId(16)))
            }
            for index in 0..<(2 &* list.count) { ts_prefetch_read(places[index]) }
        }
        if hasManySales {
            for index in 0..<list.count { offerIndex.prefetch(offerHash(.sale, list[index].loadLE(32))) }
        }
        if limits.count > 0 {
            for index in 0..<list.count {
                prefetchLimit(userHash: hash(list[index].loadId(16)), sale: list[index].loadLE(32))
            }
        }
    }

    /// A wrong guess, where two keys share a tag, costs one load.
    private func prefetchUsersOfOrders(_ list: borrowing LookAheadEntries) {
        var places = Places()
        places.with { places in
            var count = 0
            for index in 0..<list.count {
                var probe = userIndex.probe(hash(list[index].loadId(16)))
                let user = probe.next()
                places[count] = users.place(user)
                count &+= user == 0 ? 0 : 1
            }
            for index in 0..<count { ts_prefetch_write(places[index]) }
        }
        if hasManySales {
            for index in 0..<list.count { prefetchSale(list[index].loadLE(32)) }
        }
        // What these orders will write in sequence: their records and their events. The processor's own
        // prefetcher does not reach over the end of a page.
        let ahead = LookAheadStep.records.entriesMin &+ LookAheadStep.group
        let record = UnsafeRawPointer(orders.place(UInt32(truncatingIfNeeded: orders.count &+ ahead)))
        let event = UnsafeRawPointer(events.pointee.base) + (events.pointee.usedBytes &+ ahead &* 64)
        for index in 0..<list.count {
            ts_prefetch_write(record + index &* 64)
            ts_prefetch_write(event + index &* 64)
        }
    }

    /// So many that their lines are not in the nearest cache anyway.
    private var hasManySales: Bool { offers.count > 64 }

    private func prefetchSale(_ id: UInt64) {
        var probe = offerIndex.probe(offerHash(.sale, id))
        let sale = probe.next()
        if sale == 0 { return }
        offers.prefetch(sale)
        counters.prefetch(Int(sale), configuration.shard)
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

import Protocol

// Snapshots and digests: the state as records, one partition after the other.

extension Engine {
    /// Writes this shard's orders, points, coupons, checkouts and tombstones as events that rebuild them, by
    /// partition, each user's orders oldest first.
    public func keepPartitions(_ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: EventField.sizeMaxBytes, alignment: 8) { memory in
            let base = memory.baseAddress!
            for slot in sortedByPartition(orders.count, { orders[$0].pointee.id }) {
                let order = orders[slot].pointee
                let event = beginKept(
                    base, .orderKept, flags: order.state.rawValue | order.flags << 4, quantity: order.quantity,
                    timeMs: order.createdAtMs)
                event.storeId(order.id, EventField.id)
                event.storeId(users[order.user].pointee.id, EventField.userId)
                event.storeLE(offers[order.sale].pointee.terms.id, EventField.orderSale)
                event.storeLE(order.state == .held ? order.deadlineMs : 0, EventField.orderDeadlineMs)
                emit(.orderKept, UnsafeRawBufferPointer(start: event, count: EventKind.orderKept.sizeBytes))
            }
            keepPoints(base, emit)
            keepCoupons(base, emit)
            keepCheckouts(base, emit)
            for slot in stride(from: 1, through: tombstones.count, by: 1) {
                let tombstone = tombstones[UInt32(slot)].pointee
                let event = beginKept(base, .tombstonePlaced, flags: 0, timeMs: tombstone.createdAtMs)
                event.storeId(tombstone.id, EventField.id)
                emit(.tombstonePlaced, UnsafeRawBufferPointer(start: event, count: EventKind.tombstonePlaced.sizeBytes))
            }
        }
    }

    /// Slots 1 ... count by the partition of their ids. A user's records were allocated in the order of their events,
    /// which a stable sort keeps.
    func sortedByPartition(_ count: Int, _ id: (UInt32) -> Id128) -> [UInt32] {
        var slots = Array(stride(from: UInt32(1), through: UInt32(count), by: 1))
        slots.sort { left, right in
            let a = id(left).carriedPartition
            let b = id(right).carriedPartition
            return a == b ? left < right : a < b
        }
        return slots
    }

    /// A digest of what this engine knows, to be added (wrapping) to those of the other shards: the sum over
    /// records of a hash of each, so that neither the number of shards nor the order of tables shows.
    public func digest() -> UInt64 {
        var sum: UInt64 = 0
        let add: (EventKind, UnsafeRawBufferPointer) -> Void = { _, record in
            var hash: UInt64 = 0
            for offset in stride(from: 0, to: record.count, by: 8) {
                hash = Partition.mix(hash ^ record.baseAddress!.loadLE(offset, as: UInt64.self)) &+ 0x9e37_79b9
            }
            sum &+= hash
        }
        keepPartitions(add)
        if isCatalogue { keepCatalogue(add) }
        return sum
    }

    func beginKept(
        _ memory: UnsafeMutableRawPointer, _ kind: EventKind, flags: UInt8, quantity: UInt32 = 0, timeMs: UInt64
    ) -> UnsafeMutableRawPointer {
        // Reserved bytes are zero, in files and in digests.
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: kind.sizeBytes)
        memory.storeLE(kind.rawValue, EventField.kind)
        memory.storeLE(flags, EventField.flags)
        memory.storeLE(UInt16(kind.sizeBytes), EventField.size)
        memory.storeLE(quantity, EventField.quantity)
        memory.storeLE(timeMs, EventField.timeMs)
        return memory
    }
}

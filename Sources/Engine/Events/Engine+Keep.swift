import Protocol

// Snapshots and digests: the state as records, one partition after the other.

extension Engine {
    /// Writes this shard's orders, points, coupons, checkouts and tombstones as events that rebuild them, by
    /// partition, each user's orders oldest first.
    public func keepPartitions(_ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: EventField.sizeMaxBytes, alignment: 8) { memory in
            let base = memory.baseAddress!
            let users = usersByPartition()
            for slot in users.flatMap({ orders.oldestFirst(self.users[$0].pointee.newestOrder) }) {
                let order = orders[slot].pointee
                let event = beginKept(
                    base, .orderKept, flags: order.state.rawValue | order.flags << 4, quantity: order.quantity,
                    timeMs: order.createdAtMs)
                event.storeId(order.id, EventField.id)
                event.storeId(self.users[order.user].pointee.id, EventField.userId)
                event.storeLE(offers[order.sale].pointee.terms.id, EventField.orderSale)
                event.storeLE(order.deadlineMs, EventField.orderDeadlineMs)
                emit(.orderKept, UnsafeRawBufferPointer(start: event, count: EventKind.orderKept.sizeBytes))
            }
            keepPoints(users, base, emit)
            keepCoupons(users, base, emit)
            keepCheckouts(base, emit)
            for slot in tombstones.slots
            where !tombstones[slot].pointee.id.isZero && !PlantedBug.tombstonesNotKept.isPlanted {
                let tombstone = tombstones[slot].pointee
                let event = beginKept(base, .tombstonePlaced, flags: 0, timeMs: tombstone.createdAtMs)
                event.storeId(tombstone.id, EventField.id)
                emit(.tombstonePlaced, UnsafeRawBufferPointer(start: event, count: EventKind.tombstonePlaced.sizeBytes))
            }
            keepRetirement(base, emit)
        }
    }

    /// The slots of users by their partition.
    private func usersByPartition() -> [UInt32] {
        let users = self.users.slots.filter { !self.users[$0].pointee.id.isZero }
        return users.map { (Partition.of(user: self.users[$0].pointee.id), $0) }.sorted(by: <).map(\.1)
    }

    /// Slots in use by the partition of their ids: of records whose order does not matter.
    func sortedByPartition(_ slots: Range<UInt32>, _ id: (UInt32) -> Id128) -> [UInt32] {
        slots.filter { !id($0).isZero }.map { (id($0).carriedPartition, $0) }.sorted(by: <).map(\.1)
    }

    /// A digest of what this engine knows, to be added (wrapping) to those of the other shards: the sum over
    /// records of a hash of each, so that neither the number of shards nor the order of tables shows.
    public func digest() -> UInt64 {
        var sum: UInt64 = 0
        let add: (EventKind, UnsafeRawBufferPointer) -> Void = { kind, record in
            if let term = Self.linearDigest(kind, record.baseAddress!) {
                sum &+= term
                return
            }
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

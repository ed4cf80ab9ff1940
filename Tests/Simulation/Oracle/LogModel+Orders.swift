import Engine
import Protocol

// Orders in the log.

extension LogModel {
    struct Version: Equatable {
        var state: OrderState
        var isLate: Bool
        var deadlineMs: UInt64
        var timeMs: UInt64
        var life: Int
        var lsn: UInt64
    }

    /// Of an order, a checkout or a transaction that was cancelled before it came.
    struct Tombstone {
        var place: Place
        var timeMs: UInt64
    }

    struct Order {
        var id: Id128
        var user: Id128
        /// The index of its offer.
        var sale: Int
        var quantity: UInt32
        var createdAtMs: UInt64
        /// Empty if a crash has undone it.
        var versions: [Version]
        /// The index of the checkout that it is part of.
        var checkout: Int?
        /// Versions of earlier orders with this id, which have left memory.
        var versionsBefore = 0
        var retired: Place?

        var units: Int {
            switch versions.last?.state {
            case .held, .confirmed: Int(quantity)
            default: 0
            }
        }
    }

    mutating func place(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let user = event.loadId(EventField.userId)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        let deadlineMs: UInt64 = event.loadLE(EventField.orderDeadlineMs)
        let quantity: UInt32 = event.loadLE(EventField.quantity)
        guard owner(id) == shard, id.carriedPartition == Partition.of(user: user) else {
            throw Violation(4, "order \(id) was placed on shard \(shard), which does not own it")
        }
        if tombstones[id] != nil { throw Violation(4, "order \(id) was placed after its cancel") }
        try checkIsNew(id, atMs: timeMs, "order")
        guard let sale = offer(.sale, event.loadLE(EventField.orderSale)) else {
            throw Violation(6, "order \(id) was sealed before the sale that it orders from")
        }
        if !offers[sale].creation.isOpen(atMs: timeMs) {
            throw Violation(0, "order \(id) was placed outside the window of its sale")
        }
        orders.append(
            Order(
                id: id, user: user, sale: sale, quantity: quantity, createdAtMs: timeMs, versions: [],
                versionsBefore: versionsBefore(ofOrder: id)))
        let index = orders.count - 1
        places[id] = index
        orderCount += 1
        block.undo.append(.order(index))
        append(
            deadlineMs == 0 ? .confirmed : .held, isLate: false, deadlineMs: deadlineMs, atMs: timeMs, to: index, lsn,
            &block)
        try give(sale, Int(quantity), to: user, shard, lsn, &block)
    }

    mutating func change(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        guard let index = places[id], let last = orders[index].versions.last else {
            throw Violation(0, "order \(id) changed before it was placed")
        }
        if orders[index].checkout != nil { throw Violation(7, "order \(id) of a checkout got the event \(kind)") }
        let units = Int(orders[index].quantity)
        switch (kind, last.state) {
        case (.orderConfirmed, .held):
            append(.confirmed, isLate: last.isLate, deadlineMs: 0, atMs: timeMs, to: index, lsn, &block)
        case (.orderConfirmed, .expired):
            append(.confirmed, isLate: true, deadlineMs: 0, atMs: timeMs, to: index, lsn, &block)
            try give(orders[index].sale, units, to: orders[index].user, shard, lsn, &block)
        case (.orderCancelled, .held), (.orderCancelled, .confirmed):
            append(.cancelled, isLate: last.isLate, deadlineMs: 0, atMs: timeMs, to: index, lsn, &block)
            try give(orders[index].sale, -units, to: orders[index].user, shard, lsn, &block)
        case (.orderCancelled, .expired):
            append(.cancelled, isLate: last.isLate, deadlineMs: 0, atMs: timeMs, to: index, lsn, &block)
        case (.orderExpired, .held):
            guard timeMs >= last.deadlineMs else {
                throw Violation(0, "order \(id) expired before its deadline")
            }
            append(.expired, isLate: last.isLate, deadlineMs: 0, atMs: timeMs, to: index, lsn, &block)
            try give(orders[index].sale, -units, to: orders[index].user, shard, lsn, &block)
        case (.orderExtended, .held):
            let deadlineMs: UInt64 = event.loadLE(EventField.extendedDeadlineMs)
            guard deadlineMs > last.deadlineMs else { throw Violation(0, "an extension of \(id) shortened its hold") }
            append(.held, isLate: last.isLate, deadlineMs: deadlineMs, atMs: timeMs, to: index, lsn, &block)
        default: throw Violation(4, "order \(id), which is \(last.state), got the event \(kind)")
        }
    }

    mutating func placeTombstone(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        try checkIsNew(id, atMs: timeMs, "tombstone")
        tombstones[id] = Tombstone(place: Place(life: life, shard: shard, lsn: lsn), timeMs: timeMs)
        block.undo.append(.tombstone(id))
    }

    mutating func grace(_ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block) {
        let notBeforeMs: UInt64 = event.loadLE(EventField.notBeforeMs)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        for index in held where owner(orders[index].id) == shard {
            guard let last = orders[index].versions.last, last.state == .held, last.deadlineMs < notBeforeMs
            else { continue }
            append(.held, isLate: last.isLate, deadlineMs: notBeforeMs, atMs: timeMs, to: index, lsn, &block)
        }
    }

    mutating func append(
        _ state: OrderState, isLate: Bool, deadlineMs: UInt64, atMs timeMs: UInt64, to index: Int, _ lsn: UInt64,
        _ block: inout Block
    ) {
        orders[index].versions.append(
            Version(state: state, isLate: isLate, deadlineMs: deadlineMs, timeMs: timeMs, life: life, lsn: lsn))
        block.undo.append(.version(index))
        if state == .held && orders[index].versions.count == 1 { held.append(index) }
    }
}

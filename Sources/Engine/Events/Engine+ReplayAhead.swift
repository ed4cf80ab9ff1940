import Protocol

// Looking ahead of a replay. Almost every event touches lines of the tables that nothing touched before it: to
// start these loads some events early is worth more than all else that a replay could save.

extension Engine {
    /// Starts the loads of the index lines that the replay of this event will search.
    @inline(__always)
    public func prefetchIndexes(_ kind: EventKind, _ event: UnsafeRawPointer) {
        guard kind.isOfPartition else { return }
        ids.prefetch(idHash(event.loadId(EventField.id)))
        switch kind {
        case .orderPlaced, .orderKept:
            let userHash = userHash(event.loadId(EventField.userId))
            userIndex.prefetch(userHash)
            prefetchLimit(userHash: userHash, offer: event.loadLE(EventField.orderSale))
        case .pointsEarned, .pointsUsed, .transactionKept, .couponIssued:
            userIndex.prefetch(userHash(event.loadId(EventField.userId)))
        default: return
        }
    }

    /// Starts the loads of the records that those lines name, which have arrived meanwhile. A wrong guess, where
    /// two keys share a tag, costs one load.
    @inline(__always)
    public func prefetchRecords(_ kind: EventKind, _ event: UnsafeRawPointer) {
        switch kind {
        case .orderPlaced, .orderKept, .pointsEarned, .pointsUsed, .transactionKept, .couponIssued:
            var probe = userIndex.probe(userHash(event.loadId(EventField.userId)))
            let user = probe.next()
            if user != 0 { users.prefetch(user) }
        case .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended, .retired:
            var probe = ids.probe(idHash(event.loadId(EventField.id)))
            let handle = RecordHandle(rawValue: probe.next())
            if handle.rawValue != 0 && handle.kind == .order { orders.prefetch(handle.slot) }
        default: return
        }
    }
}

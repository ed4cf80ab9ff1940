import Engine
import Log
import Protocol

/// Makes operations of events, in the order of the log.
///
/// What time alone did is not asked for: that an id was forgotten, that a lot of points is over. A hold that expired
/// is cancelled in its place, since no client can let it expire; unless it is confirmed late later on, then it is
/// kept.
struct Recorder {
    /// Holds that expired and were confirmed all the same.
    let confirmedLate: Set<Id128>
    private var userOfCoupon: [Id128: Id128] = [:]
    /// Holds that were not cancelled when they expired.
    private var keptOpen: Set<Id128> = []

    init(confirmedLate: Set<Id128>) { self.confirmedLate = confirmedLate }

    /// The operations of a block. All events of an operation lie in one.
    mutating func calls(_ block: LogBlock) throws(EventFault) -> [RecordedCall] {
        var calls: [RecordedCall] = []
        var cursor = block.events
        while let (kind, event) = try cursor.next() { add(kind, event, &calls) }
        return calls
    }

    private mutating func add(_ kind: EventKind, _ event: UnsafeRawPointer, _ calls: inout [RecordedCall]) {
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        switch kind {
        case .checkoutPlaced:
            // The orders right before it are its own.
            let count = min(calls.count, Int(event.loadLE(EventField.quantity, as: UInt32.self)))
            let lines = calls.suffix(count).compactMap { call -> RecordedCheckout.Line? in
                guard case .order(_, _, let sale, let quantity) = call.operation else { return nil }
                return RecordedCheckout.Line(sale: sale, quantity: quantity)
            }
            calls.removeLast(count)
            calls.append(RecordedCall(timeMs: timeMs, operation: .checkout(RecordedCheckout(event, lines: lines))))
        case .transactionReasoned:
            // Of the earning or the use before it.
            guard let last = calls.popLast() else { return }
            let reason = Reason(event + EventField.reason).text
            switch last.operation {
            case .earn(let id, let user, let points, let expiresAtMs, _):
                calls.append(
                    RecordedCall(
                        timeMs: timeMs,
                        operation: .earn(
                            id: id, user: user, points: points, expiresAtMs: expiresAtMs, reason: reason)))
            case .use(let id, let user, let points, _):
                calls.append(
                    RecordedCall(
                        timeMs: timeMs, operation: .use(id: id, user: user, points: points, reason: reason)))
            default: calls.append(last)
            }
        default:
            guard let operation = operation(kind, event, timeMs) else { return }
            calls.append(RecordedCall(timeMs: timeMs, operation: operation))
        }
    }

    private mutating func operation(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ timeMs: UInt64
    ) -> RecordedOperation? {
        let id = event.loadId(EventField.id)
        switch kind {
        case .saleCreated: return .createSale(RecordedOffer(event, isSale: true))
        case .policyCreated: return .createPolicy(RecordedOffer(event, isSale: false))
        case .saleRestocked, .policyRestocked:
            return .restock(
                isPolicy: kind == .policyRestocked, operation: id, offer: event.loadLE(EventField.offer),
                units: event.loadLE(EventField.stock))
        case .saleClosed, .policyClosed:
            return .close(isPolicy: kind == .policyClosed, offer: event.loadLE(EventField.closedOffer))
        case .orderPlaced:
            return .order(
                id: id, user: event.loadId(EventField.userId), sale: event.loadLE(EventField.orderSale),
                quantity: event.loadLE(EventField.quantity))
        case .orderConfirmed: return .confirm(id)
        case .orderCancelled, .tombstonePlaced: return .cancel(id)
        case .orderExpired: return confirmedLate.contains(id) ? nil : .cancel(id)
        case .orderExtended:
            let deadlineMs: UInt64 = event.loadLE(EventField.extendedDeadlineMs)
            return .extend(id, forMs: deadlineMs > timeMs ? deadlineMs - timeMs : 0)
        case .checkoutConfirmed: return .confirmCheckout(id)
        case .checkoutCancelled: return .cancelCheckout(id)
        case .checkoutExpired: return confirmedLate.contains(id) ? nil : .cancelCheckout(id)
        case .pointsEarned:
            return .earn(
                id: id, user: event.loadId(EventField.userId), points: event.loadLE(EventField.quantity),
                expiresAtMs: event.loadLE(EventField.pointsExpireAtMs), reason: "")
        case .pointsUsed:
            return .use(
                id: id, user: event.loadId(EventField.userId), points: event.loadLE(EventField.quantity), reason: ""
            )
        case .transactionCancelled: return .cancelTransaction(id)
        case .couponIssued:
            let user = event.loadId(EventField.userId)
            userOfCoupon[id] = user
            return .issue(id: id, user: user, policy: event.loadLE(EventField.couponPolicy))
        case .couponUsed:
            let coupon = event.loadId(EventField.usedCoupon)
            return .useCoupon(
                id: id, coupon: coupon, user: userOfCoupon[coupon] ?? .zero,
                order: event.loadId(EventField.couponOrder),
                purchaseAmount: event.loadLE(EventField.purchaseAmount))
        case .couponRestored:
            let coupon = event.loadId(EventField.usedCoupon)
            return .restoreCoupon(id: id, coupon: coupon, user: userOfCoupon[coupon] ?? .zero)
        default: return nil
        }
    }

    /// What the log goes on from is made first: what of the records of a snapshot can be asked for, in the order of
    /// their times.
    mutating func calls(_ records: SnapshotRecords) -> [RecordedCall] {
        userOfCoupon.merge(records.userOfCoupon) { $1 }
        return records.calls(confirmedLate: confirmedLate)
    }
}

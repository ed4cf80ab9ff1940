import Engine
import Log
import Protocol

/// The records of a snapshot, to be made operations of again. Their history is not there: an order that was cancelled
/// is placed and cancelled.
struct SnapshotRecords {
    private struct Order {
        var user: Id128
        var sale: UInt64
        var quantity: UInt32
        var state: OrderState
        var placedAtMs: UInt64
        var changedAtMs: UInt64
    }

    private var catalogue: [RecordedCall] = []
    private var orders: [Id128: Order] = [:]
    private var orderIds: [Id128] = []
    private var checkouts:
        [(checkout: RecordedCheckout, placedAtMs: UInt64, state: OrderState, changedAtMs: UInt64)] = []
    private var transactions: [(call: RecordedCall, id: Id128, isCancelled: Bool)] = []
    private var others: [RecordedCall] = []
    private var ofCheckouts: Set<Id128> = []
    private(set) var userOfCoupon: [Id128: Id128] = [:]
    /// Units of orders that have left memory: they are sold, and by nobody that is known.
    private(set) var unitsOfNobody: UInt64 = 0

    var isEmpty: Bool { catalogue.isEmpty && orders.isEmpty && transactions.isEmpty && others.isEmpty }

    mutating func add(_ block: LogBlock) throws(EventFault) {
        var cursor = block.events
        while let (kind, event) = try cursor.next() { add(kind, event) }
    }

    private mutating func add(_ kind: EventKind, _ event: UnsafeRawPointer) {
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        let flags: UInt8 = event.loadLE(EventField.flags)
        let id = event.loadId(EventField.id)
        switch kind {
        case .saleKept, .policyKept:
            let isSale = kind == .saleKept
            let offer = RecordedOffer(event, isSale: isSale)
            catalogue.append(
                RecordedCall(timeMs: timeMs, operation: isSale ? .createSale(offer) : .createPolicy(offer)))
            guard flags & 1 != 0 else { return }
            let closedAtMs: UInt64 = event.loadLE(isSale ? EventField.saleClosedAtMs : EventField.policyClosedAtMs)
            others.append(
                RecordedCall(timeMs: closedAtMs, operation: .close(isPolicy: !isSale, offer: offer.id)))
        case .catalogueOperationKept:
            catalogue.append(
                RecordedCall(
                    timeMs: timeMs,
                    operation: .restock(
                        isPolicy: flags == 1, operation: id, offer: event.loadLE(EventField.offer),
                        units: event.loadLE(EventField.stock))))
        case .unitsRetiredKept:
            unitsOfNobody +=
                event.loadLE(EventField.retiredHeld, as: UInt64.self)
                + event.loadLE(EventField.retiredSold, as: UInt64.self)
        case .orderKept:
            orderIds.append(id)
            orders[id] = Order(
                user: event.loadId(EventField.userId), sale: event.loadLE(EventField.orderSale),
                quantity: event.loadLE(EventField.quantity), state: OrderState(rawValue: flags & 15) ?? .cancelled,
                placedAtMs: timeMs, changedAtMs: event.loadLE(EventField.orderDeadlineMs))
        case .checkoutKept: addCheckout(id, event, timeMs)
        case .transactionKept:
            let (user, points) = (
                event.loadId(EventField.userId), event.loadLE(EventField.quantity, as: UInt32.self)
            )
            let operation: RecordedOperation =
                flags & 15 == TransactionKind.use.rawValue
                ? .use(id: id, user: user, points: points, reason: "")
                : .earn(
                    id: id, user: user, points: points, expiresAtMs: event.loadLE(EventField.pointsExpireAtMs),
                    reason: "")
            transactions.append((RecordedCall(timeMs: timeMs, operation: operation), id, flags >> 4 != 0))
        case .transactionReasoned: addReason(Reason(event + EventField.reason).text)
        case .couponIssued:
            let user = event.loadId(EventField.userId)
            userOfCoupon[id] = user
            others.append(
                RecordedCall(
                    timeMs: timeMs,
                    operation: .issue(id: id, user: user, policy: event.loadLE(EventField.couponPolicy))))
        case .couponOperationKept:
            let coupon = event.loadId(EventField.usedCoupon)
            let user = userOfCoupon[coupon] ?? .zero
            others.append(
                RecordedCall(
                    timeMs: timeMs,
                    operation: flags & 15 == 1
                        ? .restoreCoupon(id: id, coupon: coupon, user: user)
                        : .useCoupon(
                            id: id, coupon: coupon, user: user, order: event.loadId(EventField.couponOrder),
                            purchaseAmount: event.loadLE(EventField.purchaseAmount))))
        case .tombstonePlaced: others.append(RecordedCall(timeMs: timeMs, operation: .cancel(id)))
        default: break
        }
    }

    private mutating func addCheckout(_ id: Id128, _ event: UnsafeRawPointer, _ timeMs: UInt64) {
        let count = Int(event.loadLE(EventField.quantity, as: UInt32.self))
        let parts = (0..<count).map { id.ofPart(.line($0)) }
        let own = parts.compactMap { orders[$0] }
        guard let first = own.first else { return }
        ofCheckouts.formUnion(parts)
        ofCheckouts.formUnion([id.ofPart(.pointsUsed), id.ofPart(.pointsEarned)])
        let lines = own.map { RecordedCheckout.Line(sale: $0.sale, quantity: $0.quantity) }
        checkouts.append((RecordedCheckout(event, lines: lines), timeMs, first.state, first.changedAtMs))
    }

    private mutating func addReason(_ reason: String) {
        guard let last = transactions.popLast() else { return }
        var call = last.call
        switch call.operation {
        case .earn(let id, let user, let points, let expiresAtMs, _):
            call.operation = .earn(id: id, user: user, points: points, expiresAtMs: expiresAtMs, reason: reason)
        case .use(let id, let user, let points, _):
            call.operation = .use(id: id, user: user, points: points, reason: reason)
        default: break
        }
        transactions.append((call, last.id, last.isCancelled))
    }

    /// Everything as operations: the catalogue, then the rest in the order of time.
    func calls(confirmedLate: Set<Id128>) -> [RecordedCall] {
        var calls = others
        for id in orderIds where !ofCheckouts.contains(id) {
            guard let order = orders[id] else { continue }
            calls.append(
                RecordedCall(
                    timeMs: order.placedAtMs,
                    operation: .order(id: id, user: order.user, sale: order.sale, quantity: order.quantity)))
            let changedAtMs = max(order.placedAtMs, order.changedAtMs)
            switch order.state {
            case .held: break
            case .confirmed: calls.append(RecordedCall(timeMs: changedAtMs, operation: .confirm(id)))
            case .expired where confirmedLate.contains(id): break
            case .cancelled, .expired: calls.append(RecordedCall(timeMs: changedAtMs, operation: .cancel(id)))
            }
        }
        for (checkout, placedAtMs, state, changed) in checkouts {
            calls.append(RecordedCall(timeMs: placedAtMs, operation: .checkout(checkout)))
            let changedAtMs = max(placedAtMs, changed)
            switch state {
            case .held: break
            case .confirmed:
                calls.append(RecordedCall(timeMs: changedAtMs, operation: .confirmCheckout(checkout.id)))
            case .expired where confirmedLate.contains(checkout.id): break
            case .cancelled, .expired:
                calls.append(RecordedCall(timeMs: changedAtMs, operation: .cancelCheckout(checkout.id)))
            }
        }
        for (call, id, isCancelled) in transactions where !ofCheckouts.contains(id) {
            calls.append(call)
            if isCancelled { calls.append(RecordedCall(timeMs: call.timeMs, operation: .cancelTransaction(id))) }
        }
        // Of one millisecond in the order in which they were found: a change stands behind what it changes.
        let sorted = calls.enumerated().sorted { ($0.element.timeMs, $0.offset) < ($1.element.timeMs, $1.offset) }
        return catalogue + sorted.map(\.element)
    }
}

import Engine
import Protocol

/// Which events somebody wants to see: those that every condition admits.
struct EventFilter {
    /// Empty: all.
    var kinds: Set<EventKind> = []
    var since: HistoryPoint?
    var until: HistoryPoint?
    var subjects: [EventSubject] = []

    /// Has to be given every event of the log, in order: subjects follow ids through it.
    mutating func admits(_ event: FoundEvent) -> Bool {
        var isAdmitted = kinds.isEmpty || kinds.contains(event.kind)
        for index in subjects.indices where !subjects[index].concerns(event.kind, event.bytes) {
            isAdmitted = false
        }
        guard isAdmitted else { return false }
        switch since {
        case .sequence(let first) where event.sequence < first: return false
        case .time(let ms) where event.timeMs < ms: return false
        default: break
        }
        return switch until {
        case .sequence(let last): event.sequence <= last
        case .time(let ms): event.timeMs <= ms
        case nil: true
        }
    }
}

/// What events can be about. Most of them name their own id and nothing else: so what belongs to a user or to a sale
/// is known by what placed it, and its id is followed from there.
struct EventSubject {
    enum What: Equatable {
        case sale(UInt64)
        case policy(UInt64)
        case user(Id128)
        /// An order, checkout, transaction, coupon, or an operation on one of these.
        case id(Id128)
    }

    let what: What
    private var followed: Set<Id128> = []

    init(_ what: What) {
        self.what = what
        // The orders of a checkout stand before it.
        if case .id(let id) = what { followed = Set([id] + Self.parts(of: id)) }
    }

    /// The ids of everything that a checkout may consist of.
    private static func parts(of checkout: Id128) -> [Id128] {
        (0..<16).map { checkout.ofPart(.line($0)) } + whatOutlives(checkout)
    }

    /// Of a checkout that has left memory these are still there.
    private static func whatOutlives(_ checkout: Id128) -> [Id128] {
        [CheckoutPart.coupon, .pointsUsed, .pointsEarned].map { checkout.ofPart($0) }
    }

    mutating func concerns(_ kind: EventKind, _ event: UnsafeRawPointer) -> Bool {
        guard kind.isOfPartition else { return kind.isOfCatalogue && concernsOffer(kind, event) }
        let id = event.loadId(EventField.id)
        if case .user(let user) = what, id.carriedPartition != Partition.of(user: user) { return false }
        guard names(kind, event) || follows(id, kind, event) else { return false }
        if kind == .retired {
            // Nothing comes of it any more, but of a checkout what outlives it.
            if case .id = what { return true }
            followed.remove(id)
            return true
        }
        followed.insert(id)
        if kind == .checkoutPlaced || kind == .checkoutKept { followed.formUnion(Self.whatOutlives(id)) }
        return true
    }

    /// Whether the event itself says that it is about the subject.
    private func names(_ kind: EventKind, _ event: UnsafeRawPointer) -> Bool {
        switch what {
        case .user(let user):
            switch kind {
            case .orderPlaced, .orderKept, .pointsEarned, .pointsUsed, .transactionKept, .couponIssued,
                .checkoutPlaced, .checkoutKept:
                return event.loadId(EventField.userId) == user
            default: return false
            }
        case .sale(let sale):
            return (kind == .orderPlaced || kind == .orderKept) && event.loadLE(EventField.orderSale) == sale
        case .policy(let policy):
            return kind == .couponIssued && event.loadLE(EventField.couponPolicy) == policy
        case .id(let id):
            let isUse = kind == .couponUsed || kind == .couponOperationKept
            return isUse && event.loadId(EventField.couponOrder) == id
        }
    }

    /// Whether one of the ids that the event is about is followed.
    private func follows(_ id: Id128, _ kind: EventKind, _ event: UnsafeRawPointer) -> Bool {
        if followed.contains(id) { return true }
        switch kind {
        case .couponUsed, .couponRestored, .couponOperationKept:
            return followed.contains(event.loadId(EventField.usedCoupon))
        case .takingKept: return followed.contains(event.loadId(EventField.takingLotId))
        case .checkoutPlaced, .checkoutKept:
            if followed.contains(event.loadId(EventField.checkoutCoupon)) { return true }
            // Of a sale or an order: what its orders are, which stand before it; of a transaction: that it posts it.
            return Self.parts(of: id).contains(where: followed.contains)
        default: return false
        }
    }

    private func concernsOffer(_ kind: EventKind, _ event: UnsafeRawPointer) -> Bool {
        let flags: UInt8 = event.loadLE(EventField.flags)
        let hasOperation: Bool
        let isPolicy: Bool
        switch kind {
        case .saleCreated, .saleKept, .saleRestocked: (hasOperation, isPolicy) = (true, false)
        case .policyCreated, .policyKept, .policyRestocked: (hasOperation, isPolicy) = (true, true)
        case .catalogueOperationKept: (hasOperation, isPolicy) = (true, flags == 1)
        case .saleClosed, .saleRetired: (hasOperation, isPolicy) = (false, false)
        case .policyClosed, .policyRetired: (hasOperation, isPolicy) = (false, true)
        default: (hasOperation, isPolicy) = (false, flags == 1)
        }
        let offer: UInt64 = event.loadLE(hasOperation ? EventField.offer : EventField.closedOffer)
        return switch what {
        case .sale(let sale): !isPolicy && offer == sale
        case .policy(let policy): isPolicy && offer == policy
        case .id(let id): hasOperation && event.loadId(EventField.id) == id
        case .user: false
        }
    }
}

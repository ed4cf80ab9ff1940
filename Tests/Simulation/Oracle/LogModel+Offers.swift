import Engine
import Protocol

/// Names an offer: sales and policies have ids of their own.
struct OfferKey: Hashable, CustomStringConvertible {
    var kind: OfferKind
    var id: UInt64

    var description: String { "\(kind) \(id)" }
}

/// What an offer was created with.
enum Creation: Equatable {
    case sale(CreateSaleEntry)
    case policy(CreatePolicyEntry)

    var key: OfferKey {
        switch self {
        case .sale(let entry): OfferKey(kind: .sale, id: entry.saleId)
        case .policy(let entry): OfferKey(kind: .policy, id: entry.policyId)
        }
    }

    var operationId: Id128 {
        switch self {
        case .sale(let entry): entry.operationId
        case .policy(let entry): entry.operationId
        }
    }

    var stock: UInt64 {
        get {
            switch self {
            case .sale(let entry): entry.stock
            case .policy(let entry): entry.quantity
            }
        }
        set {
            switch self {
            case .sale(var entry):
                entry.stock = newValue
                self = .sale(entry)
            case .policy(var entry):
                entry.quantity = newValue
                self = .policy(entry)
            }
        }
    }

    var startsAtMs: UInt64 {
        switch self {
        case .sale(let entry): entry.startsAtMs
        case .policy(let entry): entry.validFromMs
        }
    }

    /// 0: never.
    var endsAtMs: UInt64 {
        switch self {
        case .sale(let entry): entry.endsAtMs
        case .policy(let entry): entry.validUntilMs
        }
    }

    var perUserLimit: UInt32 {
        switch self {
        case .sale(let entry): entry.perUserLimit
        case .policy(let entry): entry.perUserLimit
        }
    }

    /// Whether it gives out units at this moment, unless it is closed.
    func isOpen(atMs timeMs: UInt64) -> Bool { timeMs >= startsAtMs && (endsAtMs == 0 || timeMs < endsAtMs) }
}

// The catalogue in the log, and the units that orders and coupons take from it.

extension LogModel {
    struct Offer {
        var creation: Creation
        /// The stock after its creation and each restock.
        var stocks: [(units: UInt64, place: Place)]
        var closed: Place?
        /// 0: it was not.
        var closedAtMs: UInt64 = 0
        /// When it was created or restocked last.
        var lastOperationMs: UInt64
        var retired: Place?

        var stock: UInt64 { stocks.last?.units ?? 0 }
    }

    struct Restock {
        var offer: Int
        var units: UInt64
        var place: Place
        /// When its offer had been created or restocked last.
        var lastOperationMsBefore: UInt64
    }

    struct UserOffer: Hashable {
        var user: Id128
        var offer: Int
    }

    func offer(_ key: OfferKey) -> Int? { offerPlaces[key] }
    func offer(_ kind: OfferKind, _ id: UInt64) -> Int? { offerPlaces[OfferKey(kind: kind, id: id)] }

    mutating func changeCatalogue(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        guard shard == catalogue else { throw Violation(0, "shard \(shard) wrote to the catalogue") }
        let place = Place(life: life, shard: shard, lsn: lsn)
        let isPolicy = kind == .policyCreated || kind == .policyRestocked || kind == .policyClosed
        let offerKind = isPolicy ? OfferKind.policy : .sale
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        if kind == .saleClosed || kind == .policyClosed {
            guard let offer = offer(offerKind, event.loadLE(EventField.closedOffer)), offers[offer].closed == nil,
                offers[offer].retired == nil
            else {
                throw Violation(4, "a \(offerKind) was closed that was not open")
            }
            offers[offer].closed = place
            offers[offer].closedAtMs = timeMs
            block.undo.append(.closed(offer))
            return
        }
        let id = event.loadId(EventField.id)
        let key = OfferKey(kind: offerKind, id: event.loadLE(EventField.offer))
        guard creations[id] == nil, restocks[id] == nil else { throw Violation(4, "operation \(id) was logged twice") }
        try checkIsNew(id, atMs: timeMs, "operation on the catalogue")
        if kind == .saleRestocked || kind == .policyRestocked {
            let units: UInt64 = event.loadLE(EventField.stock)
            guard let offer = offer(key), offers[offer].retired == nil else {
                throw Violation(0, "restock of \(key), which was not created or has left")
            }
            offers[offer].stocks.append((offers[offer].stock + units, place))
            restocks[id] = Restock(
                offer: offer, units: units, place: place, lastOperationMsBefore: offers[offer].lastOperationMs)
            offers[offer].lastOperationMs = timeMs
            block.undo.append(.restock(id))
            block.stocked.append((offer, Int(units)))
            return
        }
        if offer(key) != nil { throw Violation(4, "\(key) was created twice") }
        create(isPolicy ? .policy(Self.policy(event)) : .sale(Self.sale(event)), place, timeMs, &block)
    }

    private mutating func create(
        _ creation: Creation, _ place: Place, _ timeMs: UInt64, _ block: inout Block
    ) {
        offerPlaces[creation.key] = offers.count
        creations[creation.operationId] = offers.count
        block.stocked.append((offers.count, Int(creation.stock)))
        block.undo.append(.offer)
        offers.append(
            Offer(
                creation: creation, stocks: [(creation.stock, place)], closed: nil, lastOperationMs: timeMs))
        for shard in 0..<shards where given[shard].count < offers.count { given[shard].append(0) }
    }

    private static func sale(_ event: UnsafeRawPointer) -> CreateSaleEntry {
        CreateSaleEntry(
            operationId: event.loadId(EventField.id), saleId: event.loadLE(EventField.offer),
            stock: event.loadLE(EventField.stock), startsAtMs: event.loadLE(EventField.startsAtMs),
            endsAtMs: event.loadLE(EventField.endsAtMs), perUserLimit: event.loadLE(EventField.perUserLimit),
            holdMs: event.loadLE(EventField.holdMs), unitPrice: event.loadLE(EventField.unitPrice),
            name: Name(event + EventField.name))
    }

    private static func policy(_ event: UnsafeRawPointer) -> CreatePolicyEntry {
        CreatePolicyEntry(
            operationId: event.loadId(EventField.id), policyId: event.loadLE(EventField.offer),
            quantity: event.loadLE(EventField.stock), validFromMs: event.loadLE(EventField.startsAtMs),
            validUntilMs: event.loadLE(EventField.endsAtMs), discountValue: event.loadLE(EventField.unitPrice),
            maxDiscount: event.loadLE(EventField.maxDiscount), minPurchase: event.loadLE(EventField.minPurchase),
            perUserLimit: event.loadLE(EventField.perUserLimit), discountKind: event.loadLE(EventField.discountKind),
            name: Name(event + EventField.name))
    }

    // MARK: Units

    /// Counts units given out to a user (or, below zero, taken back). Promise 7: the limit.
    mutating func give(
        _ offer: Int, _ units: Int, to user: Id128, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        given[shard][offer] += units
        block.given.append((offer, units))
        let limit = offers[offer].creation.perUserLimit
        guard limit > 0 else { return }
        let key = UserOffer(user: user, offer: offer)
        let now = (unitHistory[key]?.last?.units ?? 0) + units
        guard now <= Int(limit) else {
            throw Violation(
                7, "user \(user) has \(now) of \(offers[offer].creation.key), which gives \(limit) to one")
        }
        unitHistory[key, default: []].append((now, life, lsn))
        block.undo.append(.units(key))
    }

    /// Units held and sold at the end of the log: of a policy, coupons that are not used, and used ones.
    func totals(_ offer: Int) -> (held: Int, sold: Int) {
        var totals = (held: 0, sold: 0)
        switch offers[offer].creation {
        case .sale:
            for order in orders where order.sale == offer {
                switch order.versions.last?.state {
                case .held: totals.held += Int(order.quantity)
                case .confirmed: totals.sold += Int(order.quantity)
                default: break
                }
            }
        case .policy:
            for coupon in coupons where coupon.policy == offer {
                guard let last = coupon.versions.last else { continue }
                if last.use == nil { totals.held += 1 } else { totals.sold += 1 }
            }
        }
        return totals
    }

    // MARK: Crash points

    /// Promises 1 and 6, for a crash at this moment, whatever it loses: a crash may cut each log behind any of
    /// the blocks that are not synced yet, independently of the others. No choice of cuts may give out more
    /// than there was.
    func weighCrashPoints() throws(Violation) {
        for offer in offers.indices {
            var others = 0
            for shard in 0..<shards where shard != catalogue { others += most(shard, offer) }
            var stock = Int(offers[offer].stock)
            var own = given[catalogue][offer]
            try weigh(others + own, stock, offer)
            for block in tails[catalogue].reversed() {
                for (which, units) in block.given where which == offer { own -= units }
                for (which, units) in block.stocked where which == offer { stock -= units }
                try weigh(others + own, stock, offer)
            }
        }
    }

    private func weigh(_ given: Int, _ stock: Int, _ offer: Int) throws(Violation) {
        guard given > stock else { return }
        throw Violation(
            6, "a crash at this moment could leave \(given) units given out of \(offers[offer].creation.key), "
                + "which would have a stock of \(stock)")
    }

    /// The most units of an offer that the log of a shard gives out, wherever it is cut.
    private func most(_ shard: Int, _ offer: Int) -> Int {
        var units = given[shard][offer]
        var most = units
        for block in tails[shard].reversed() {
            for (which, change) in block.given where which == offer { units -= change }
            most = max(most, units)
        }
        return most
    }
}

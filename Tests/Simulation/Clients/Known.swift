import Protocol

/// An order as its client means it, and what the client has been shown of it.
struct KnownOrder {
    var id: Id128
    var user: Id128
    var saleId: UInt64
    var quantity: UInt32
    /// The checkout that it is to be part of: its id follows from that one's.
    var checkout: Int?
    /// How many events of its history a reply has shown.
    var shownVersions = 0
    var isTombstoneShown = false
    /// When the last one was placed that a reply without the repeat flag has accepted; 0: none.
    var decidedAtMs: UInt64 = 0
    var isDecisionShown: Bool { decidedAtMs != 0 }
}

/// An offer as its client means it, and what has been shown of it.
struct KnownOffer {
    struct Restock {
        var id: Id128
        var units: UInt64
        var isShown = false
    }

    var creation: Creation
    var isCreationShown = false
    var shownStock: UInt64 = 0
    var isClosingShown = false
    /// Its closing was acknowledged: every shard knows it. A read may show it a little earlier.
    var isClosingAcknowledged = false
    var restocks: [Restock] = []

    var key: OfferKey { creation.key }

    mutating func forget() {
        isCreationShown = false
        shownStock = 0
        isClosingShown = false
        isClosingAcknowledged = false
        for index in restocks.indices { restocks[index].isShown = false }
    }
}

/// A coupon as its client means it, and what has been shown of it.
struct KnownCoupon {
    var entry: IssueCouponEntry
    /// How many events of its history a reply has shown.
    var shownVersions = 0
    /// When the last one was issued that a reply without the repeat flag has shown; 0: none.
    var decidedAtMs: UInt64 = 0
    var isDecisionShown: Bool { decidedAtMs != 0 }
}

/// A checkout as its client means it, and what has been shown of it.
struct KnownCheckout {
    var entry: PlaceCheckoutEntry
    /// Its orders, by number.
    var orders: [Int]
    /// How many events of its history a reply has shown.
    var shownVersions = 0
    /// When the last one was placed that a reply without the repeat flag has accepted; 0: none.
    var decidedAtMs: UInt64 = 0
    var isDecisionShown: Bool { decidedAtMs != 0 }
    /// A reply has shown that its cancel came first.
    var isTombstoneShown = false
}

/// What changes a coupon or a balance, or places a checkout, as it travels.
enum Change: Equatable {
    case issue(IssueCouponEntry)
    case use(UseCouponEntry)
    case restore(RestoreCouponEntry)
    case earn(EarnEntry)
    case spend(UsePointsEntry)
    indirect case place(PlaceCheckoutEntry)

    var operation: Operation {
        switch self {
        case .issue: .issueCoupon
        case .use: .useCoupon
        case .restore: .restoreCoupon
        case .earn: .earnPoints
        case .spend: .usePoints
        case .place: .placeCheckout
        }
    }

    var id: Id128 {
        switch self {
        case .issue(let entry): entry.couponId
        case .use(let entry): entry.useId
        case .restore(let entry): entry.restoreId
        case .earn(let entry): entry.transactionId
        case .spend(let entry): entry.transactionId
        case .place(let entry): entry.checkoutId
        }
    }

    var user: Id128 {
        switch self {
        case .issue(let entry): entry.userId
        case .use(let entry): entry.userId
        case .restore(let entry): entry.userId
        case .earn(let entry): entry.userId
        case .spend(let entry): entry.userId
        case .place(let entry): entry.userId
        }
    }

    func store(to bytes: UnsafeMutableRawPointer) {
        switch self {
        case .issue(let entry): entry.store(to: bytes)
        case .use(let entry): entry.store(to: bytes)
        case .restore(let entry): entry.store(to: bytes)
        case .earn(let entry): entry.store(to: bytes)
        case .spend(let entry): entry.store(to: bytes)
        case .place(let entry): entry.store(to: bytes)
        }
    }
}

/// A use or a restore of a coupon, an earning or a use of points, as its client means it.
struct KnownChange {
    var change: Change
    /// When those happened that replies without the repeat flag have accepted, one after the other.
    var decidedAtMs: [UInt64] = []
    var isDecisionShown: Bool { !decidedAtMs.isEmpty }
    /// Any reply has shown it.
    var isShown = false
    /// A reply has shown that its cancel came first.
    var isTombstoneShown = false
}

/// One entry of a request, as it is sent, and what had been shown by then: the answer must not fall behind.
struct Item {
    /// Indices of what it is about, as far as the client knows it.
    var order: Int?
    var offer: Int?
    var restock: Int?
    var coupon: Int?
    var change: Int?
    var checkout: Int?

    var id = Id128.zero
    var user = Id128.zero
    var offerKey = OfferKey(kind: .sale, id: 0)
    var quantity: UInt32 = 0
    var units: UInt64 = 0
    var deadlineMs: UInt64 = 0
    /// Of a list: the states asked for, 0 for all.
    var stateMask: UInt8 = 0
    var creation: Creation?
    var entry: Change?
    /// What a malformed entry must be answered with.
    var expected: ResultCode?
    var expectedPart = CheckoutPart.whole

    var shownVersions = 0
    var isTombstoneShown = false
    var isCreationShown = false
    var isClosingShown = false
    var isClosingAcknowledged = false
    var shownStock: UInt64 = 0
    var isRestockShown = false
    /// Of a change: whether it had been shown.
    var isShown = false
    /// How many events of its user's points had been shown.
    var shownMoments = 0
    /// Of a checkout: the lines whose sales had been shown, those whose closing was acknowledged, and how many events
    /// of its coupon had been shown.
    var linesShown: UInt16 = 0
    var linesClosed: UInt16 = 0
    var couponShown = 0
    /// Of a list: what has to be in it.
    var listedBefore: [Id128] = []
    var offersBefore: [OfferKey] = []
    /// Of a list of a sale's orders: where it begins.
    var place = SaleOrdersPosition.start
    /// What the owner's log had synced by then.
    var syncedLsn: UInt64 = 0
}

/// A frame on its way, until its reply.
struct Request {
    var client: Int
    var operation: Operation
    var items: [Item]
    var sentStep: Int
    /// No shard's clock is behind this.
    var earliestMs: UInt64
    /// How much had left memory by then.
    var retired: UInt64
}

/// A client: a connection to one shard, frames in flight, and what it has to ask again because it does not know
/// how it ended.
struct Client {
    var connection: UInt64 = 0
    var shard = 0
    var inFlight: [UInt64] = []
    /// Requests that it no longer waits for; they may still be answered.
    var abandoned: [UInt64] = []
    var unresolved: [(operation: Operation, item: Item)] = []

    static let unresolvedMax = 128

    mutating func postpone(_ operation: Operation, _ items: [Item]) {
        for item in items where item.expected == nil && unresolved.count < Self.unresolvedMax {
            unresolved.append((operation, item))
        }
    }
}

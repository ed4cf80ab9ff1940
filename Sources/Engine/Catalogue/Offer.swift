import Protocol

/// What the catalogue holds: sales, which sell units, and policies, which issue coupons. A coupon of a policy is what a
/// unit of a sale is: both come from the same counters, within the same limits for each user.
public enum OfferKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case sale = 0
    case policy = 1

    /// Sales and policies have ids of their own: keeps those that are alike apart in the index.
    @inline(__always)
    var hashSalt: UInt64 { self == .sale ? 0 : 0x9e37_79b9_7f4a_7c15 }
}

extension Operation {
    /// What kind of offer an operation on the catalogue is about.
    var offerKind: OfferKind {
        switch self {
        case .createPolicy, .getPolicy, .listPolicies, .restockPolicy, .closePolicy: .policy
        default: .sale
        }
    }
}

/// What was said of an offer when it was created, and never changes: a copy in every shard.
public struct OfferTerms: Equatable, Sendable, BitwiseCopyable {
    public var id: UInt64
    public var startsAtMs: UInt64
    /// 0: never.
    public var endsAtMs: UInt64
    /// Of a sale: the price of a unit. Of a policy: its discount, an amount or a percentage.
    public var value: UInt64
    /// Of a policy; 0: none.
    public var maxDiscount: UInt64 = 0
    /// Of a policy; 0: any.
    public var minPurchase: UInt64 = 0
    /// Units that one user may hold and have, coupons that one user gets; 0: no limit.
    public var perUserLimit: UInt32
    /// Of a sale; 0: an order confirms at once.
    public var holdMs: UInt32 = 0
    public var kind: OfferKind
    /// Of a policy.
    public var discountKind = DiscountKind.fixed

    @inline(__always)
    public var unitPrice: UInt64 { value }
}

extension OfferTerms {
    /// What is left of those of an offer that has gone.
    init(retired kind: OfferKind, id: UInt64) {
        self.init(id: id, startsAtMs: 0, endsAtMs: 0, value: 0, perUserLimit: 0, kind: kind)
    }
}

/// All that the catalogue says of an offer.
public struct OfferFacts: Equatable, Sendable, BitwiseCopyable {
    public var terms: OfferTerms
    public var name: Name
    /// All units that there have ever been.
    public var stock: UInt64
    public var createdAtMs: UInt64
    /// 0: it was not.
    public var closedAtMs: UInt64
    /// Whether it has left; then nothing else is of meaning but its kind and id.
    public var isRetired: Bool
}

/// What an order, or the issue of a coupon, needs to know of its offer: one cache line, a copy in every shard.
struct OfferRecord: BitwiseCopyable {
    let terms: OfferTerms
    /// Whether this shard gives out units: set when the creation is durable, so that no order can reach a disk
    /// before its sale.
    var isOpen: Bool
    var isClosed: Bool
    /// Orders or coupons of it that this shard remembers.
    var recordCount: UInt32 = 0

    init(_ terms: OfferTerms) {
        self.terms = terms
        isOpen = false
        isClosed = false
    }

    /// Why it gives out no units at this moment, or nil if it does.
    @inline(__always)
    func refusal(nowMs: UInt64) -> ResultCode? {
        guard isOpen else { return .notFound }
        if isClosed { return .closed }
        if terms.endsAtMs != 0 && nowMs >= terms.endsAtMs { return .ended }
        return nowMs < terms.startsAtMs ? .notStarted : nil
    }
}

/// What only the catalogue's shard needs of an offer.
struct OfferDetail: BitwiseCopyable {
    var operationId: Id128
    /// All units that there have ever been.
    var stock: UInt64
    /// The units of its creation, to tell a repeat from another content.
    var stockAtCreation: UInt64
    var createdAtMs: UInt64
    /// The last event about this offer.
    var lastLsn: UInt64
    var name: Name
    /// When it was logged as closed, 0: it was not. The shards follow when that is durable.
    var closedAtMs: UInt64
    /// Known to every shard, so that it can be shown.
    var isPublished: Bool
    /// The last of its creation and restocks, 0 for none; and the latest of the times at which they were accepted or
    /// their ids minted.
    var newestOperation: UInt32 = 0
    var lastOperationMs: UInt64 = 0

    var isClosed: Bool { closedAtMs != 0 }

    /// That of an offer which has left.
    static var ofRetired: OfferDetail {
        OfferDetail(
            operationId: .zero, stock: 0, stockAtCreation: 0, createdAtMs: 0, lastLsn: 0, name: Name(), closedAtMs: 0,
            isPublished: false)
    }
}

/// A remembered operation on the catalogue: a creation, or a restock of `quantity` units.
struct CatalogueOperationRecord: BitwiseCopyable {
    var id: Id128
    var timeMs: UInt64
    var quantity: UInt64
    var offer: UInt32
    var isCreation: Bool
    /// The offer's operation before this one, 0 for none.
    var older: UInt32 = 0
}

/// A creation as it was asked for.
struct NewOffer {
    var operationId: Id128
    var terms: OfferTerms
    var stock: UInt64
    var name: Name
    /// What is wrong with a field that only this kind of offer has.
    var fault: ResultCode?

    static let stockMax: UInt64 = 1 << 40
    /// Amounts of money are below this: numbers that every language can hold.
    static let amountMax: UInt64 = 1 << 53
    private static let timeMaxMs: UInt64 = 1 << 47

    /// Why it cannot be created, whatever the catalogue holds.
    func fault(nowMs: UInt64) -> ResultCode? {
        let endsAtMs = terms.endsAtMs
        let endsTooEarly = endsAtMs != 0 && (endsAtMs <= terms.startsAtMs || endsAtMs <= nowMs)
        let isValid =
            terms.id != 0 && stock >= 1 && stock <= Self.stockMax && terms.startsAtMs < Self.timeMaxMs
            && endsAtMs < Self.timeMaxMs && !endsTooEarly && name.isValid
        return isValid ? fault : .invalid
    }
}

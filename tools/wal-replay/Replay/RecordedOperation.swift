import Engine
import Log
import Protocol

/// What a server had been asked for, told from what it logged: accepted operations with their ids.
enum RecordedOperation: Sendable {
    case createSale(RecordedOffer)
    case createPolicy(RecordedOffer)
    case restock(isPolicy: Bool, operation: Id128, offer: UInt64, units: UInt64)
    case close(isPolicy: Bool, offer: UInt64)
    case order(id: Id128, user: Id128, sale: UInt64, quantity: UInt32)
    case confirm(Id128)
    case cancel(Id128)
    /// For so long from now on.
    case extend(Id128, forMs: UInt64)
    case checkout(RecordedCheckout)
    case confirmCheckout(Id128)
    case cancelCheckout(Id128)
    case earn(id: Id128, user: Id128, points: UInt32, expiresAtMs: UInt64, reason: String)
    case use(id: Id128, user: Id128, points: UInt32, reason: String)
    case cancelTransaction(Id128)
    case issue(id: Id128, user: Id128, policy: UInt64)
    case useCoupon(id: Id128, coupon: Id128, user: Id128, order: Id128, purchaseAmount: UInt64)
    case restoreCoupon(id: Id128, coupon: Id128, user: Id128)

    /// The partition of the user whose it is; nil for sales and policies.
    var partition: Int? {
        switch self {
        case .createSale, .createPolicy, .restock, .close: nil
        case .order(let id, _, _, _), .confirm(let id), .cancel(let id), .extend(let id, _),
            .confirmCheckout(let id),
            .cancelCheckout(let id), .earn(let id, _, _, _, _), .use(let id, _, _, _), .cancelTransaction(let id),
            .issue(let id, _, _), .useCoupon(let id, _, _, _, _), .restoreCoupon(let id, _, _):
            id.carriedPartition
        case .checkout(let checkout): checkout.id.carriedPartition
        }
    }

    /// The id that it brings into the world, if it does.
    var newId: Id128? {
        switch self {
        case .createSale(let offer), .createPolicy(let offer): offer.operation
        case .restock(_, let operation, _, _): operation
        case .order(let id, _, _, _), .earn(let id, _, _, _, _), .use(let id, _, _, _), .issue(let id, _, _),
            .useCoupon(let id, _, _, _, _), .restoreCoupon(let id, _, _):
            id
        case .checkout(let checkout): checkout.id
        case .close, .confirm, .cancel, .extend, .confirmCheckout, .cancelCheckout, .cancelTransaction: nil
        }
    }

    /// For a report.
    var text: String {
        switch self {
        case .createSale(let offer): "create sale \(offer.id)"
        case .createPolicy(let offer): "create policy \(offer.id)"
        case .restock(let isPolicy, _, let offer, let units):
            "restock \(isPolicy ? "policy" : "sale") \(offer) by \(units)"
        case .close(let isPolicy, let offer): "close \(isPolicy ? "policy" : "sale") \(offer)"
        case .order(let id, _, let sale, let quantity): "order \(id) of \(quantity) of sale \(sale)"
        case .confirm(let id): "confirm \(id)"
        case .cancel(let id): "cancel \(id)"
        case .extend(let id, _): "extend \(id)"
        case .checkout(let checkout): "checkout \(checkout.id)"
        case .confirmCheckout(let id): "confirm checkout \(id)"
        case .cancelCheckout(let id): "cancel checkout \(id)"
        case .earn(let id, _, let points, _, _): "earn \(id) of \(points) points"
        case .use(let id, _, let points, _): "use \(id) of \(points) points"
        case .cancelTransaction(let id): "cancel transaction \(id)"
        case .issue(let id, _, let policy): "issue coupon \(id) of policy \(policy)"
        case .useCoupon(let id, let coupon, _, _, _): "use \(id) of coupon \(coupon)"
        case .restoreCoupon(let id, let coupon, _): "restore \(id) of coupon \(coupon)"
        }
    }
}

/// A sale or a policy as it was created. Its window is not part of it: what was recorded happened within it, and it
/// would be over by now.
struct RecordedOffer: Sendable {
    var operation: Id128
    var id: UInt64
    var name: String
    var stock: UInt64
    var perUserLimit: UInt32
    /// Of a sale.
    var unitPrice: UInt64 = 0
    var holdMs: UInt32 = 0
    /// Of a policy.
    var discount: UInt64 = 0
    var isPercent = false
    var maxDiscount: UInt64 = 0
    var minPurchase: UInt64 = 0

    /// From the event of a creation, or the record that a snapshot keeps of it.
    init(_ event: UnsafeRawPointer, isSale: Bool) {
        operation = event.loadId(EventField.id)
        id = event.loadLE(EventField.offer)
        name = Name(event + EventField.name).text
        stock = event.loadLE(EventField.stock)
        perUserLimit = event.loadLE(EventField.perUserLimit)
        if isSale {
            unitPrice = event.loadLE(EventField.unitPrice)
            holdMs = event.loadLE(EventField.holdMs)
        } else {
            discount = event.loadLE(EventField.unitPrice)
            isPercent = event.loadLE(EventField.discountKind, as: UInt8.self) == DiscountKind.percent.rawValue
            maxDiscount = event.loadLE(EventField.maxDiscount)
            minPurchase = event.loadLE(EventField.minPurchase)
        }
    }
}

struct RecordedCheckout: Sendable {
    struct Line: Sendable {
        var sale: UInt64
        var quantity: UInt32
    }

    var id: Id128
    var user: Id128
    var lines: [Line]
    /// Zero for none.
    var coupon: Id128
    var usePoints: UInt32
    var earnPoints: UInt32
    var earnExpiresAtMs: UInt64

    init(_ event: UnsafeRawPointer, lines: [Line]) {
        id = event.loadId(EventField.id)
        user = event.loadId(EventField.userId)
        self.lines = lines
        coupon = event.loadId(EventField.checkoutCoupon)
        usePoints = event.loadLE(EventField.checkoutPointsUsed)
        earnPoints = event.loadLE(EventField.checkoutPointsEarned)
        earnExpiresAtMs = event.loadLE(EventField.checkoutEarnExpiresAtMs)
    }
}

/// An operation when it was accepted.
struct RecordedCall: Sendable {
    var timeMs: UInt64
    var operation: RecordedOperation
}

import Log
import Protocol

/// An event of the log as an entry of the stream: its id is its place in the logs, its fields are what happened, named
/// as over HTTP.
public struct StreamEntry {
    /// `sequence-index`: so entries are in the order of the log, and a second one of the same event is refused.
    var id: String
    var fields: [String]

    /// Of a result of `tail`; nil if the event is none that a shop hangs on.
    init?(_ result: UnsafeRawPointer) {
        let event = result + TailResult.eventOffset
        guard let kind = EventKind(rawValue: event.loadLE(EventField.kind, as: UInt8.self)),
            let (type, fields) = Self.fields(kind, event)
        else { return nil }
        let place = LogPlace(
            sequence: result.loadLE(8, as: UInt64.self), index: result.loadLE(4, as: UInt32.self))
        id = Self.id(place)
        self.fields = ["type", type, "seq", id, "at", "\(event.loadLE(EventField.timeMs, as: UInt64.self))"] + fields
    }

    /// Events between two places are not there any more: the one before them, and the last one of them.
    init(gapAfter place: LogPlace, until last: LogPlace) {
        id = Self.id(last)
        fields = ["type", Self.gapType, "seq", id, "after", Self.id(place)]
    }

    /// The type of an entry that stands for events that are lost.
    public static let gapType = "gap"

    /// A whole block as the place of its last possible event.
    public static func id(_ place: LogPlace) -> String { "\(place.sequence)-\(place.index)" }

    /// The place that an id of the stream stands for.
    public static func place(_ id: String) -> LogPlace? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = UInt64(parts[0]), let index = UInt32(parts[1]) else { return nil }
        return LogPlace(sequence: sequence, index: index)
    }

    private static func fields(_ kind: EventKind, _ event: UnsafeRawPointer) -> (String, [String])? {
        let id = "\(event.loadId(EventField.id))"
        func user() -> String { text(user: event.loadId(EventField.userId)) }
        func number(_ offset: Int) -> String { "\(event.loadLE(offset, as: UInt64.self))" }
        let quantity = "\(event.loadLE(EventField.quantity, as: UInt32.self))"
        let isLate = event.loadLE(EventField.flags, as: UInt8.self) & 1 != 0 ? "1" : "0"
        switch kind {
        case .orderPlaced:
            return (
                "orderPlaced",
                [
                    "orderId", id, "userId", user(), "timeSaleId", number(EventField.orderSale), "quantity", quantity,
                    "expiresAt", number(EventField.orderDeadlineMs),
                ]
            )
        case .orderConfirmed: return ("orderConfirmed", ["orderId", id, "lateConfirm", isLate])
        case .orderCancelled: return ("orderCancelled", ["orderId", id])
        case .orderExpired: return ("orderExpired", ["orderId", id])
        case .orderExtended:
            return ("orderExtended", ["orderId", id, "expiresAt", number(EventField.extendedDeadlineMs)])
        case .pointsEarned:
            return (
                "pointsEarned",
                [
                    "transactionId", id, "userId", user(), "amount", quantity,
                    "expiresAt", number(EventField.pointsExpireAtMs),
                ]
            )
        case .pointsUsed: return ("pointsUsed", ["transactionId", id, "userId", user(), "amount", quantity])
        case .transactionCancelled: return ("transactionCancelled", ["transactionId", id])
        case .transactionReasoned:
            return (
                "transactionReasoned",
                ["transactionId", id, "reason", Reason(event + EventField.reason).text]
            )
        case .couponIssued:
            return (
                "couponIssued", ["couponId", id, "userId", user(), "policyId", number(EventField.couponPolicy)]
            )
        case .couponUsed:
            let order = event.loadId(EventField.couponOrder)
            return (
                "couponUsed",
                ["couponId", "\(event.loadId(EventField.usedCoupon))", "discount", number(EventField.discount)]
                    + (order.isZero ? [] : ["orderId", "\(order)"])
            )
        case .couponRestored: return ("couponRestored", ["couponId", "\(event.loadId(EventField.usedCoupon))"])
        case .checkoutPlaced:
            let coupon = event.loadId(EventField.checkoutCoupon)
            // Its orders' ids follow from its own: so whoever reads only that it was confirmed knows what was.
            let orders = (0..<Int(event.loadLE(EventField.quantity, as: UInt32.self))).map { number in
                "\(event.loadId(EventField.id).ofPart(.line(number)))"
            }
            return (
                "checkoutPlaced",
                [
                    "checkoutId", id, "userId", user(), "orders", quantity,
                    "orderIds", orders.joined(separator: ","),
                    "subtotal", number(EventField.checkoutSubtotal), "discount", number(EventField.checkoutDiscount),
                    "pointsUsed", "\(event.loadLE(EventField.checkoutPointsUsed, as: UInt32.self))",
                    "pointsEarned", "\(event.loadLE(EventField.checkoutPointsEarned, as: UInt32.self))",
                    "expiresAt", number(EventField.checkoutDeadlineMs),
                ] + (coupon.isZero ? [] : ["couponId", "\(coupon)"])
            )
        case .checkoutConfirmed: return ("checkoutConfirmed", ["checkoutId", id, "lateConfirm", isLate])
        case .checkoutCancelled: return ("checkoutCancelled", ["checkoutId", id])
        case .checkoutExpired: return ("checkoutExpired", ["checkoutId", id])
        default: return nil
        }
    }

    /// As over HTTP: a decimal number where the upper half is zero.
    private static func text(user: Id128) -> String { user.high == 0 ? "\(user.low)" : "\(user)" }
}

internal import Protocol

/// The part of a checkout that a refusal is about (`failedAt` on the wire).
public enum CheckoutPart: Hashable, Sendable {
    /// A line of the request, counted from 0. Of lines that name the same sale it is the first, if it is a matter
    /// of all of them.
    case line(Int)
    /// Late confirm: an order, by its number in `Checkout.orders`.
    case order(Int)
    case coupon
    /// The points to use.
    case pointsUsed
    /// The points to earn.
    case pointsEarned
}

extension CheckoutPart: CustomStringConvertible {
    public var description: String {
        switch self {
        case .line(let index): "line \(index)"
        case .order(let number): "order \(number)"
        case .coupon: "the coupon"
        case .pointsUsed: "the points to use"
        case .pointsEarned: "the points to earn"
        }
    }
}

extension CheckoutPart {
    /// Nil for the checkout itself, and for a number that this client does not know.
    ///
    /// - Parameter isOfOrders: whether the numbers of lines are those of orders, as in the answers of a confirm.
    init?(_ head: CheckoutHead, isOfOrders: Bool) {
        switch head.failedAt {
        case .coupon: self = .coupon
        case .pointsUsed: self = .pointsUsed
        case .pointsEarned: self = .pointsEarned
        default:
            guard let line = head.failedAt.line else { return nil }
            self = isOfOrders ? .order(line) : .line(line)
        }
    }
}

import TimesaleClient

/// What codes mean that several modules share, in the words of one of them.
enum Wording {
    static let sales: [RefusalCode: String] = [
        .notFound: "there is no such sale or order",
        .alreadyExists: "there is, or was, a sale with this id",
        .notStarted: "the sale has not started",
        .ended: "the sale has ended",
        .closed: "the sale is closed",
        .cancelled: "the order is cancelled",
        .expired: "the hold has expired, and its units are gone",
        .partOfCheckout: "the order ends only with its checkout",
    ]

    static let points: [RefusalCode: String] = [
        .notFound: "there is no such transaction",
        .invalidAmount: "an amount is 1 to 1,000,000,000 points",
        .cancelled: "the transaction was cancelled before it came",
        .expired: "the points would have expired already",
        .partOfCheckout: "the transaction is cancelled only with its checkout",
    ]

    static let policies: [RefusalCode: String] = [
        .notFound: "there is no such policy",
        .alreadyExists: "there is, or was, a policy with this id",
        .closed: "the policy is closed",
        .invalidAmount: "the discount is 0, or an amount is too large",
    ]

    static let coupons: [RefusalCode: String] = [
        .notFound: "there is no such policy or coupon",
        .notStarted: "the policy's time has not begun",
        .ended: "the policy's time is over",
        .closed: "the policy is closed",
        .cancelled: "the id was cancelled before it came",
        .expired: "the coupon has expired",
        .invalidAmount: "the purchase amount is too large",
        .partOfCheckout: "the coupon is given back only by its checkout",
    ]

    static let checkouts: [RefusalCode: String] = [
        .notFound: "there is no such checkout",
        .cancelled: "the checkout is cancelled",
        .expired: "the hold has expired, and not all of it can be had again",
    ]

    /// What codes mean of a part of a checkout.
    static func of(_ part: CheckoutPart) -> [RefusalCode: String] {
        switch part {
        case .line, .order:
            sales.merging(partTaken.merging([.notFound: "there is no such sale"]) { $1 }) { $1 }
        case .coupon:
            coupons.merging(partTaken.merging([.notFound: "there is no such coupon"]) { $1 }) { $1 }
        case .pointsUsed:
            partTaken.merging([.invalid: "these are more points than there is to pay"]) { $1 }
        case .pointsEarned:
            partTaken.merging([
                .expired: "the points to earn would have expired already",
                .capacity: "the user has as many earnings with points left as there may be",
                .alreadySpent: "some of the points that it earned are spent; cancel their use first",
            ]) { $1 }
        }
    }

    /// The id of a part follows from that of its checkout, and stands for something else already.
    private static let partTaken: [RefusalCode: String] = [
        .cancelled: "an id that follows from the checkout's was cancelled",
        .idReused: "an id that follows from the checkout's was used for something else",
    ]
}

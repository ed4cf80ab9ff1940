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
}

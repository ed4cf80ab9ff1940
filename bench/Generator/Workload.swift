import Protocol

/// What each entry of a load asks for.
public enum Workload: String, CaseIterable, Codable, Sendable {
    /// An order of one unit of a sale with a limit per user.
    case order
    /// A coupon of a policy with a limit per user.
    case issueCoupon
    /// A page of a user's coupons.
    case listCoupons
    /// A hundred points that never expire.
    case earnPoints
    /// A user's balance of points.
    case getBalance
    /// A point, of those that every user was credited with before the load.
    case usePoints
    /// A journey: a coupon, points, an order, then the coupon and the points used for it.
    case purchase
    /// A journey: a coupon, points, then a checkout that is all the rest at once.
    case checkout

    /// Those that write one thing, by one request: what modules are compared by.
    public static let ofModules: [Workload] = [.order, .issueCoupon, .earnPoints, .usePoints]

    /// What is asked for. Of a journey each step is a request of its own, sent when the one before was accepted.
    public var steps: [Operation] {
        switch self {
        case .order: Self.orderSteps
        case .issueCoupon: Self.issueSteps
        case .listCoupons: Self.listSteps
        case .earnPoints: Self.earnSteps
        case .getBalance: Self.balanceSteps
        case .usePoints: Self.useSteps
        case .purchase: Self.purchaseSteps
        case .checkout: Self.checkoutSteps
        }
    }

    // Made once: a load asks at every step.
    private static let orderSteps: [Operation] = [.order]
    private static let issueSteps: [Operation] = [.issueCoupon]
    private static let listSteps: [Operation] = [.listUserCoupons]
    private static let earnSteps: [Operation] = [.earnPoints]
    private static let balanceSteps: [Operation] = [.getBalance]
    private static let useSteps: [Operation] = [.usePoints]
    private static let purchaseSteps: [Operation] = [.issueCoupon, .earnPoints, .order, .useCoupon, .usePoints]
    private static let checkoutSteps: [Operation] = [.issueCoupon, .earnPoints, .placeCheckout]

    /// The only operation, or the last one of a journey.
    public var operation: Operation { steps[steps.count - 1] }

    public var isJourney: Bool { steps.count > 1 }

    /// The most entries in a frame. The users of a journey each go at their own pace.
    public var batchMax: Int { isJourney ? 1 : operation.countMax }

    /// The records that an accepted one leaves behind.
    public struct Records: Equatable, Sendable {
        public var orders = 0
        public var coupons = 0
        public var transactions = 0
        public var checkouts = 0
        /// In the log.
        public var sizeBytes = 0
    }

    public var records: Records {
        switch self {
        case .order: Records(orders: 1, sizeBytes: 64)
        case .issueCoupon: Records(coupons: 1, sizeBytes: 56)
        case .earnPoints: Records(transactions: 1, sizeBytes: 56)
        case .usePoints: Records(transactions: 1, sizeBytes: 48)
        case .listCoupons, .getBalance: Records()
        case .purchase: Records(orders: 1, coupons: 1, transactions: 2, sizeBytes: 304)
        case .checkout: Records(orders: 1, coupons: 1, transactions: 3, checkouts: 1, sizeBytes: 280)
        }
    }
}

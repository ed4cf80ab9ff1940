import Protocol

/// What each entry of a load asks for.
public enum Workload: String, CaseIterable, Codable, Sendable {
    /// An order of one unit of a sale with a limit per user.
    case order
    /// A coupon of a policy with a limit per user.
    case issueCoupon
    /// A hundred points that never expire.
    case earnPoints
    /// A point, of those that every user was credited with before the load.
    case usePoints

    public var operation: Operation {
        switch self {
        case .order: .order
        case .issueCoupon: .issueCoupon
        case .earnPoints: .earnPoints
        case .usePoints: .usePoints
        }
    }
}

import Protocol

extension Workload {
    /// Of one earning, outside a journey.
    static let earnedPoints: UInt32 = 100
    /// Of one use, outside a journey.
    static let usedPoints: UInt32 = 1

    /// Points that are left of what an account of this workload says was earned and used, by `users` who each have
    /// what `Generator.prepare` gave them. What is unknown makes it a range.
    public func pointsLeft(_ account: Account, users: UInt64) -> ClosedRange<Int64> {
        func accepted(_ operation: Operation) -> Int64 { Int64(account.accepted[operation] ?? 0) }
        let unknown = Int64(account.unknown)
        let ofJourney = Int64(Journey.points)
        switch self {
        case .order, .issueCoupon, .listCoupons, .getBalance: return 0...0
        case .earnPoints:
            let earned = accepted(.earnPoints) * Int64(Self.earnedPoints)
            return earned...earned + unknown * Int64(Self.earnedPoints)
        case .usePoints:
            let left = Int64(Generator.creditedPoints) * Int64(users) - accepted(.usePoints) * Int64(Self.usedPoints)
            return left - unknown * Int64(Self.usedPoints)...left
        case .purchase, .checkout:
            let ofCheckout = Int64(Journey.pointsOfCheckout)
            let uses = accepted(.usePoints) + accepted(.placeCheckout)
            let left = ofJourney * (accepted(.earnPoints) - uses) + ofCheckout * accepted(.placeCheckout)
            return left - unknown * ofJourney...left + unknown * ofJourney
        }
    }

    /// Earnings that `Generator.prepare` makes, beside what the load asks for.
    public func creditsBefore(users: UInt64) -> UInt64 { self == .usePoints ? users : 0 }
}

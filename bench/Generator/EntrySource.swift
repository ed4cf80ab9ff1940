import Protocol

/// An endless stream of entries of one workload from a seed: users uniform, sales as skewed as the plan says, ids of
/// version 7.
public struct EntrySource {
    private var state: UInt64
    private let workload: Workload
    private let users: UInt64
    private let userSpace: UInt64
    private let sales: [UInt64]
    private let quantity: UInt32
    private let shards: Int
    private let zipf: ZipfTable?
    /// How often each sale was asked for, in the plan's order; empty unless the plan accounts for everything.
    public private(set) var demand: [UInt64]
    /// ms since 1970, set by whoever reads the clock.
    public var nowMs: UInt64

    public init(plan: LoadPlan, nowMs: UInt64) {
        state = Partition.mix(plan.seed &+ 0x9e37_79b9_7f4a_7c15) | 1
        workload = plan.workload
        users = plan.users
        userSpace = plan.userSpace
        sales = plan.saleIds
        quantity = plan.quantity
        shards = plan.shards ?? 1
        zipf = plan.skew > 0 && sales.count > 1 ? ZipfTable(count: sales.count, skew: plan.skew) : nil
        demand = [UInt64](repeating: 0, count: plan.isAccounted ? sales.count : 0)
        self.nowMs = nowMs
    }

    /// xorshift64 (Marsaglia, 2003).
    private mutating func next() -> UInt64 {
        state ^= state &<< 13
        state ^= state &>> 7
        state ^= state &<< 17
        return state
    }

    /// One of 0 ..< `count`, by the upper word of a product in place of a division (Lemire, 2019).
    private mutating func next(below count: UInt64) -> UInt64 { next().multipliedFullWidth(by: count).high }

    /// Writes one entry, of a user whom `shard` owns if one is named.
    public mutating func write(to entry: UnsafeMutableRawPointer, shard: Int? = nil) {
        let (user, partition) = user(of: shard)
        let id = Id128.version7(timeMs: nowMs, partition: partition, random: next())
        switch workload {
        case .order:
            OrderEntry(orderId: id, userId: user, saleId: sale(), quantity: quantity).store(to: entry)
        case .issueCoupon:
            IssueCouponEntry(couponId: id, userId: user, policyId: sale()).store(to: entry)
        case .earnPoints:
            EarnEntry(transactionId: id, userId: user, expiresAtMs: 0, amount: 100).store(to: entry)
        case .usePoints:
            UsePointsEntry(transactionId: id, userId: user, amount: 1).store(to: entry)
        case .listCoupons:
            ListUserCouponsEntry(userId: user, after: .zero, limit: 20, stateMask: 0).store(to: entry)
        case .getBalance: UserEntry(userId: user).store(to: entry)
        case .purchase, .checkout: preconditionFailure("a journey writes its steps itself")
        }
    }

    /// A journey that is about to begin, of a user as above.
    mutating func journey(shard: Int? = nil) -> Journey {
        let (user, _) = user(of: shard)
        return Journey(user: user, offer: sale(), timeMs: nowMs, random: next())
    }

    private mutating func user(of shard: Int?) -> (Id128, partition: Int) {
        while true {
            let user = Id128(high: userSpace, low: next(below: users) &+ 1)
            let partition = Partition.of(user: user)
            if shard == nil || Partition.owner(of: partition, shards: shards) == shard { return (user, partition) }
        }
    }

    private mutating func sale() -> UInt64 {
        if sales.count == 1 && demand.isEmpty { return sales[0] }
        let index: Int
        if let zipf {
            index = zipf.rank(next())
        } else {
            index = sales.count == 1 ? 0 : Int(next(below: UInt64(sales.count)))
        }
        if !demand.isEmpty { demand[index] += 1 }
        return sales[index]
    }
}

import Protocol

/// An endless stream of entries of one workload from a seed: users and sales uniform, ids of version 7.
public struct EntrySource {
    private var state: UInt64
    private let workload: Workload
    private let users: UInt64
    private let sales: [UInt64]
    private let quantity: UInt32
    private let shards: Int
    /// ms since 1970, set by whoever reads the clock.
    public var nowMs: UInt64

    public init(plan: LoadPlan, nowMs: UInt64) {
        state = Partition.mix(plan.seed &+ 0x9e37_79b9_7f4a_7c15) | 1
        workload = plan.workload
        users = plan.users
        sales = plan.saleIds
        quantity = plan.quantity
        shards = plan.shards ?? 1
        self.nowMs = nowMs
    }

    /// xorshift64 (Marsaglia, 2003).
    private mutating func next() -> UInt64 {
        state ^= state &<< 13
        state ^= state &>> 7
        state ^= state &<< 17
        return state
    }

    /// Writes one entry, of a user whom `shard` owns if one is named.
    public mutating func write(to entry: UnsafeMutableRawPointer, shard: Int? = nil) {
        var user = Id128(next() % users &+ 1)
        var partition = Partition.of(user: user)
        while let shard, Partition.owner(of: partition, shards: shards) != shard {
            user = Id128(next() % users &+ 1)
            partition = Partition.of(user: user)
        }
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
        }
    }

    private mutating func sale() -> UInt64 { sales.count == 1 ? sales[0] : sales[Int(next() % UInt64(sales.count))] }
}

import Generator
import Protocol
import Testing

/// Shows what a generator sends, and for whom, by reading the entries it writes.
@Suite struct EntrySourceTests {
    private func entries(_ count: Int, shard: Int?, _ change: (inout LoadPlan) -> Void) -> [OrderEntry] {
        var plan = LoadPlan(address: .tcp(port: 0))
        change(&plan)
        var source = EntrySource(plan: plan, nowMs: 1_700_000_000_000)
        return (0..<count).map { _ in
            withUnsafeTemporaryAllocation(byteCount: OrderEntry.sizeBytes, alignment: 8) { memory in
                source.write(to: memory.baseAddress!, shard: shard)
                return OrderEntry(memory.baseAddress!)
            }
        }
    }

    @Test func aConnectionOrdersForItsOwnShard() {
        for shard in 0..<3 {
            let owned = entries(1000, shard: shard) { ($0.shards, $0.users) = (3, 5000) }
            #expect(owned.allSatisfy { Partition.owner(of: Partition.of(user: $0.userId), shards: 3) == shard })
        }
    }

    @Test func withoutAShardHalfOfThemCross() {
        let any = entries(10_000, shard: nil) { ($0.shards, $0.users) = (2, 50_000) }
        let first = any.count { Partition.owner(of: Partition.of(user: $0.userId), shards: 2) == 0 }
        #expect((4500...5500).contains(first))
    }

    @Test func everyOrderIsWellFormedAndNew() {
        let some = entries(1000, shard: nil) { ($0.users, $0.saleIds) = (10, [7, 8]) }
        #expect(Set(some.map(\.orderId)).count == 1000)
        #expect(some.allSatisfy { (1...10).contains($0.userId.low) && [7, 8].contains($0.saleId) })
        #expect(some.allSatisfy { $0.orderId.carriedPartition == Partition.of(user: $0.userId) })
    }

    /// Each workload writes entries of its own operation, for the same users under new ids.
    @Test func everyWorkloadIsWellFormedAndNew() {
        for workload in Workload.allCases where workload.records.sizeBytes > 0 && !workload.isJourney {
            var plan = LoadPlan(address: .tcp(port: 0))
            (plan.workload, plan.users, plan.saleIds) = (workload, 10, [7])
            var source = EntrySource(plan: plan, nowMs: 1_700_000_000_000)
            var ids: Set<Id128> = []
            for _ in 0..<100 {
                withUnsafeTemporaryAllocation(byteCount: workload.operation.entrySizeBytes, alignment: 8) { memory in
                    let entry = memory.baseAddress!
                    source.write(to: entry)
                    let user = UnsafeRawPointer(entry).loadId(16)
                    #expect((1...10).contains(user.low) && user.high == 0)
                    #expect(UnsafeRawPointer(entry).loadId(0).carriedPartition == Partition.of(user: user))
                    ids.insert(UnsafeRawPointer(entry).loadId(0))
                    switch workload {
                    case .order: #expect(OrderEntry(entry).saleId == 7)
                    case .issueCoupon: #expect(IssueCouponEntry(entry).policyId == 7)
                    case .earnPoints: #expect(EarnEntry(entry).amount == 100 && EarnEntry.reservedIsZero(entry))
                    case .usePoints: #expect(UsePointsEntry(entry).amount == 1 && UsePointsEntry.reservedIsZero(entry))
                    case .listCoupons, .getBalance, .purchase, .checkout: Issue.record("\(workload)")
                    }
                }
            }
            #expect(ids.count == 100, "\(workload)")
        }
    }
}

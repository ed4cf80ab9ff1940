import Protocol
import TestSupport
import Testing

/// Shows that every shard owns its even share of the partitions, and users spread evenly over them.
@Suite struct PartitionTests {
    @Test(arguments: 1...64)
    func shardsOwnEvenRanges(_ shards: Int) {
        let owners = (0..<Partition.count).map { Partition.owner(of: $0, shards: shards) }
        #expect(zip(owners, owners.dropFirst()).allSatisfy { $1 == $0 || $1 == $0 + 1 }, "contiguous ranges")
        #expect(owners.first == 0 && owners.last == shards - 1)
        let counts = Dictionary(grouping: owners) { $0 }.values.map(\.count)
        #expect(counts.count == shards)
        #expect(counts.max()! - counts.min()! <= 1)
        #expect(owners.enumerated().allSatisfy { $1 == $0 * shards / 4096 }, "as the documentation says")
    }

    /// Users who are numbered one by one are the hardest case that is usual.
    @Test func numberedUsersSpreadEvenly() {
        var counts = [Int](repeating: 0, count: Partition.count)
        let perPartition = 64
        for number in 1...(Partition.count * perPartition) {
            counts[Partition.of(user: Id128(UInt64(number)))] += 1
        }
        // Counts of a fair hash have a standard deviation of 8 around 64: seven of them are never seen.
        #expect(counts.min()! > perPartition - 56 && counts.max()! < perPartition + 56)
        let squares = counts.reduce(0) { $0 + ($1 - perPartition) * ($1 - perPartition) }
        let variance = Double(squares) / Double(Partition.count)
        #expect((56...72).contains(variance), "a Poisson distribution has a variance of 64: \(variance)")
    }

    @Test func bothHalvesOfAUserCount() {
        let base = Partition.of(user: Id128(high: 1, low: 1))
        #expect((2..<10).contains { Partition.of(user: Id128(high: $0, low: 1)) != base })
        #expect((2..<10).contains { Partition.of(user: Id128(high: 1, low: $0)) != base })
    }

    @Test func mintedIdsCarryTheirUsersPartition() {
        var mint = IdMint(seed: 7)
        var again = IdMint(seed: 7)
        for shard in 0..<5 {
            let user = mint.user(shard: shard, of: 5)
            #expect(Partition.owner(of: Partition.of(user: user), shards: 5) == shard)
            let id = mint.id(user: user, timeMs: 1_767_225_600_000)
            #expect(id.isOperationId && id.version == 7)
            #expect(id.mintTimeMs == 1_767_225_600_000)
            #expect(id.carriedPartition == Partition.of(user: user))
            #expect(again.user(shard: shard, of: 5) == user)
            #expect(again.id(user: user, timeMs: 1_767_225_600_000) == id)
        }
        #expect(mint.catalogueId().carriedPartition == 0)
    }
}

import CAtomics
import Glibc
import Testing

@testable import Engine

// Takes of several sales under real threads. Part of `CounterStressTests`, so that ThreadSanitizer sees them too.

extension CounterStressTests {
    /// Counters of several sales.
    final class Shop: @unchecked Sendable {
        let counters: StockCounters
        private let arena = Arena()
        private let parts: UnsafeMutablePointer<JointTake.Part>
        let sales: Int

        /// For each sale its stripes.
        init(_ stripes: [[UInt64]]) {
            sales = stripes.count
            counters = StockCounters(sales: sales, shards: stripes[0].count, memory: arena.memory)
            parts = arena.memory.table(of: JointTake.Part.self, count: stripes[0].count * sales)
            for (sale, units) in stripes.enumerated() {
                for (shard, units) in units.enumerated() { counters.put(sale, stripe: shard, units) }
            }
        }

        /// All or nothing, by the thread of `shard`: so many units of each sale, 0 of those that are left out.
        func take(_ wanted: [UInt64], _ shard: Int, _ dice: inout Dice, yieldOneIn: Int = 8) -> Bool {
            let mine = parts + shard * sales
            var count = 0
            for sale in 0..<sales where wanted[sale] > 0 {
                mine[count] = JointTake.Part(sale: UInt32(sale), quantity: UInt32(wanted[sale]))
                count += 1
            }
            var take: JointTake
            if count == 1 {
                let part = mine[0]
                take = JointTake(
                    StockTake(
                        counters: counters, sale: Int(part.sale), shard: shard, quantity: UInt64(part.quantity)))
            } else {
                take = JointTake(counters: counters, shard: shard, parts: mine, count: count)
            }
            while true {
                switch take.step() {
                case .again: if dice.oneIn(yieldOneIn) { sched_yield() }
                case .wait: sched_yield()
                case .taken: return true
                case .soldOut: return false
                }
            }
        }

        /// Only the thread of `shard` may call it.
        func put(_ units: [UInt64], _ shard: Int) {
            for sale in 0..<sales where units[sale] > 0 { counters.put(sale, stripe: shard, units[sale]) }
        }

        func free(_ sale: Int) -> UInt64 { counters.totals(sale).available }

        var isAtRest: Bool { (0..<sales).allSatisfy { ts_load_seq_cst(counters.turnstile($0)) == 0 } }
    }

    /// Pairs of units, one of each sale: as many are sold as the sale with fewer units has, and of the other one
    /// what is left sells afterwards.
    @Test func pairsSellToTheLastUnit() {
        let shop = Shop([[5000, 0, 0, 0], [1000, 2000, 3000, 1500]])
        let pairs = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var sold: UInt64 = 0
            while shop.take([1, 1], shard, &dice) { sold += 1 }
            return sold
        }
        #expect(pairs == 5000)
        #expect(shop.free(0) == 0 && shop.free(1) == 2500 && shop.isAtRest)
    }

    /// One unit of each of three sales in some stripes, and neighbours that want two sales each, in a ring: of
    /// those that collide one gets what it wants in every round, and none is left waiting.
    @Test func ofCollidingJointTakesOneWins() {
        let rounds = 1000
        let wanted: [[UInt64]] = [[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
        let shop = Shop((0..<3).map { _ in [0, 0, 0, 0] })
        let barrier = Barrier(Self.shards)
        let winners = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var won: UInt64 = 0
            for round in 0..<rounds {
                // Who puts the units changes, so that they lie in every stripe once.
                for sale in 0..<3 where (round + sale) % Self.shards == shard {
                    shop.put((0..<3).map { $0 == sale ? 1 : 0 }, shard)
                }
                barrier.wait()
                let isTaken = shop.take(wanted[shard], shard, &dice, yieldOneIn: 3)
                if isTaken { won += 1 }
                barrier.wait()
                // What is left of the round goes, for the next one to begin alike.
                if shard == 0 {
                    for sale in 0..<3 where shop.free(sale) > 0 {
                        _ = shop.take((0..<3).map { $0 == sale ? 1 : 0 }, shard, &dice)
                    }
                }
                barrier.wait()
            }
            return won
        }
        #expect(winners == UInt64(rounds), "any two of them share a sale, and one of them can be served")
        #expect((0..<3).allSatisfy { shop.free($0) == 0 } && shop.isAtRest)
    }

    /// Each thread has at most two units of each sale at a time, and there are two of each for every thread: none
    /// may ever be told SOLD_OUT, whatever is on loan.
    @Test func whoAlwaysFindsEnoughOfAllIsNeverRefused() {
        let sales = 3
        let shop = Shop((0..<sales).map { _ in [UInt64(2 * Self.shards), 0, 0, 0] })
        let refused = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var refused: UInt64 = 0
            for _ in 0..<6000 {
                var wanted = (0..<sales).map { _ in UInt64(dice.below(3)) }
                if wanted.allSatisfy({ $0 == 0 }) { wanted[dice.below(sales)] = 1 }
                if shop.take(wanted, shard, &dice, yieldOneIn: 3) {
                    for _ in 0..<dice.below(4) { sched_yield() }
                    shop.put(wanted, shard)
                } else {
                    refused += 1
                }
            }
            return refused
        }
        #expect(refused == 0)
        #expect((0..<sales).allSatisfy { shop.free($0) == UInt64(2 * Self.shards) } && shop.isAtRest)
    }

    /// Joint takes that mostly fail at their last sale, beside single takes of the first: what such a take has on
    /// loan must not make the others sold out.
    @Test func unitsOnLoanToAFailingJointTakeAreNotSoldOut() {
        let small = Self.shards - 1
        // One unit of sale 0 for each small thread; sale 1 has none.
        let shop = Shop([[0] + (0..<small).map { _ in 1 }, [0, 0, 0, 0]])
        let refused = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var wrong: UInt64 = 0
            for _ in 0..<20_000 {
                if shard == 0 {
                    if shop.take([UInt64(dice.pick(1...small)), 1], shard, &dice, yieldOneIn: 3) { wrong += 1 }
                } else if shop.take([1, 0], shard, &dice) {
                    if dice.oneIn(4) { sched_yield() }
                    shop.put([1, 0], shard)
                } else {
                    wrong += 1
                }
            }
            return wrong
        }
        #expect(refused == 0)
        #expect(shop.free(0) == UInt64(small) && shop.isAtRest)
    }
}

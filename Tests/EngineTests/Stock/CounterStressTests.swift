import CAtomics
import Glibc
import Synchronization
import Testing

@testable import Engine

// The stock counters under real threads, one a shard. Meant to be run under ThreadSanitizer too:
//     swift test --sanitize=thread --filter CounterStressTests
// What is checked needs no luck to be true: each test arranges its units so that one answer is provably
// right whatever the threads do.

@Suite(.serialized) struct CounterStressTests {
    static let shards = 4

    /// Counters of one sale, and one word that orders what the threads saw.
    final class Stock: @unchecked Sendable {
        let counters: StockCounters
        private let clock: UnsafeMutablePointer<UInt64>
        private let arena = Arena()

        init(_ stripes: [UInt64]) {
            counters = StockCounters(sales: 1, shards: stripes.count, memory: arena.memory)
            clock = arena.memory.table(of: UInt64.self, count: 1)
            fill(stripes)
        }

        func fill(_ stripes: [UInt64]) {
            for (shard, units) in stripes.enumerated() { counters.put(0, stripe: shard, units) }
        }

        var free: UInt64 { counters.totals(0).available }

        /// A number that is larger than any that was drawn before.
        func tick() -> UInt64 { ts_fetch_add(clock, 1) }

        /// What a shard does for an order: its own stripe first, then the steps of a take. Gives up the
        /// processor between steps now and then, or few cores would hardly ever meet in the middle of one.
        func take(_ quantity: UInt64, _ shard: Int, _ dice: inout Dice, yieldOneIn: Int = 8) -> Bool {
            if dice.oneIn(yieldOneIn) { sched_yield() }
            if counters.takeWhole(0, stripe: shard, quantity) { return true }
            var take = StockTake(counters: counters, sale: 0, shard: shard, quantity: quantity)
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
        func put(_ quantity: UInt64, _ shard: Int) { counters.put(0, stripe: shard, quantity) }

        var isAtRest: Bool {
            ts_load_seq_cst(counters.turnstile(0)) == 0
                && (0..<counters.shards).allSatisfy { ts_load_seq_cst(counters.putSequence(0, $0)) & 1 == 0 }
        }
    }

    /// Adds up what the threads report.
    static func sum(_ threads: Int, _ body: @escaping @Sendable (Int) -> UInt64) -> UInt64 {
        onThreads(threads, body).reduce(0, +)
    }

    // MARK: Exactly M of M

    /// All units in one stripe, in all, in all but one's own: each is sold once.
    @Test(arguments: [[50_000, 0, 0, 0], [5000, 5000, 5000, 5000], [1, 49_997, 1, 1], [3, 2, 1, 0]] as [[UInt64]])
    func everyUnitSellsOnce(stripes: [UInt64]) {
        let stock = Stock(stripes)
        let sold = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var sold: UInt64 = 0
            while stock.take(1, shard, &dice) { sold += 1 }
            return sold
        }
        #expect(sold == stripes.reduce(0, +))
        #expect(stock.free == 0 && stock.isAtRest)
    }

    /// Quantities that no stripe may have whole: gathers, down to the last unit.
    @Test(arguments: 0..<4 as Range<UInt64>) func quantitiesSellToTheLastUnit(seed: UInt64) {
        let stock = Stock([6001, 5, 3000, 994])
        let sold = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: seed * 10 + UInt64(shard))
            var sold: UInt64 = 0
            while true {
                let quantity = UInt64(dice.pick(1...7))
                if stock.take(quantity, shard, &dice) {
                    sold += quantity
                } else if quantity == 1 {
                    return sold
                }
            }
        }
        #expect(sold == 10_000, "seed \(seed)")
        #expect(stock.free == 0 && stock.isAtRest)
    }

    // MARK: Races for the last

    /// One unit in some stripe, all want it: one gets it.
    @Test func theLastUnitHasOneWinner() {
        let rounds = 1500
        let stock = Stock([0, 0, 0, 0])
        let barrier = Barrier(Self.shards)
        let winners = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var won: UInt64 = 0
            for round in 0..<rounds {
                if round % Self.shards == shard { stock.put(1, shard) }
                barrier.wait()
                if stock.take(1, shard, &dice) { won += 1 }
                barrier.wait()
            }
            return won
        }
        #expect(winners == UInt64(rounds))
        #expect(stock.free == 0 && stock.isAtRest)
    }

    /// A unit in every stripe, all want them all (or all but one): one gather wins, and none is left waiting.
    @Test(arguments: [4, 3] as [UInt64]) func ofCollidingGathersOneWins(wanted: UInt64) {
        let rounds = 1000
        let stock = Stock([0, 0, 0, 0])
        let barrier = Barrier(Self.shards)
        let rightRounds = UInt64(rounds) << 32
        let counts = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var won: UInt64 = 0
            var right: UInt64 = 0
            for _ in 0..<rounds {
                stock.put(1, shard)
                barrier.wait()
                if stock.take(wanted, shard, &dice) { won += 1 }
                barrier.wait()
                if shard == 0 {
                    let left = UInt64(Self.shards) - wanted
                    if stock.free == left && (left == 0 || stock.take(left, shard, &dice)) { right += 1 }
                }
                barrier.wait()
            }
            return right << 32 | won
        }
        #expect(counts & 0xffff_ffff == UInt64(rounds), "one winner a round")
        #expect(counts & ~0xffff_ffff == rightRounds, "rounds in which the units added up")
    }

    // MARK: Never a false SOLD_OUT

    /// Each thread has at most `most` units at a time and puts them back into its own stripe, where no
    /// other gets them whole. With `most` units for each thread there are always `most` left for one that
    /// asks, so that SOLD_OUT is never right.
    @Test(arguments: [1, 2, 3] as [UInt64]) func whoAlwaysFindsEnoughIsNeverRefused(most: UInt64) {
        let stripes = (0..<Self.shards).map { $0 == 0 ? most * UInt64(Self.shards) : 0 }
        let stock = Stock(stripes)
        let refused = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var refused: UInt64 = 0
            for _ in 0..<10_000 {
                let quantity = UInt64(dice.pick(1...Int(most)))
                // Like the neighbour's order that found its own stripe empty: units go round, and the one
                // that is free lies now here, now there.
                let neighbour = (shard + 1) % Self.shards
                let isTaken =
                    dice.oneIn(2) && stock.counters.takeWhole(0, stripe: neighbour, quantity)
                    || stock.take(quantity, shard, &dice, yieldOneIn: 3)
                if isTaken {
                    for _ in 0..<dice.below(4) { sched_yield() }
                    stock.put(quantity, shard)
                } else {
                    refused += 1
                }
            }
            return refused
        }
        #expect(refused == 0)
        #expect(stock.free == most * UInt64(Self.shards) && stock.isAtRest)
    }

    /// One thread wants all units at once and mostly fails, when it has some on loan already; the others
    /// want one each, and there is one for each. Such a one may be refused only while the first has them
    /// all: a refusal beside a gather that then fails is the false SOLD_OUT that waiting prevents.
    @Test func unitsOnLoanToAFailingGatherAreNotSoldOut() {
        let small = Self.shards - 1
        let stock = Stock([0] + (0..<small).map { _ in 1 })
        let finished = FinishedCount()
        let spans = onThreads(Self.shards) { shard in
            var dice = Dice(seed: UInt64(shard))
            var seen: [ClosedRange<UInt64>] = []
            if shard == 0 {
                while finished.count.load(ordering: .relaxed) < small {
                    let start = stock.tick()
                    guard stock.take(UInt64(small), shard, &dice, yieldOneIn: 3) else { continue }
                    if dice.oneIn(2) { sched_yield() }
                    stock.put(UInt64(small), shard)
                    seen.append(start...stock.tick())
                }
                return seen
            }
            for _ in 0..<30_000 {
                // Mostly idle, or the gather would never see all units at once.
                for _ in 0..<dice.below(12) { sched_yield() }
                let start = stock.tick()
                if stock.take(1, shard, &dice) {
                    if dice.oneIn(4) { sched_yield() }
                    stock.put(1, shard)
                } else {
                    seen.append(start...stock.tick())
                }
            }
            finished.count.add(1, ordering: .relaxed)
            return seen
        }
        let successes = spans[0]
        let refusals = spans[1...].joined()
        var next = 0
        var wrong = 0
        for refusal in refusals.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            while next < successes.count && successes[next].upperBound < refusal.lowerBound { next += 1 }
            if next == successes.count || !successes[next].overlaps(refusal) { wrong += 1 }
        }
        #expect(wrong == 0, "of \(refusals.count) refusals, with \(successes.count) successes")
        #expect(stock.free == UInt64(small) && stock.isAtRest)
    }

    final class FinishedCount: Sendable {
        let count = Atomic(0)
    }

    // MARK: Conservation

    /// Units move between stripes and hands at random; none is lost, none appears.
    @Test func unitsAreConserved() {
        let stock = Stock([100, 0, 50, 7])
        let inHand = Self.sum(Self.shards) { shard in
            var dice = Dice(seed: 90 + UInt64(shard))
            var held: UInt64 = 0
            for _ in 0..<50_000 {
                if held > 0 && dice.oneIn(2) {
                    let units = UInt64(dice.pick(1...Int(held)))
                    stock.put(units, shard)
                    held -= units
                } else {
                    let quantity = UInt64(dice.pick(1...60))
                    if stock.take(quantity, shard, &dice) { held += quantity }
                }
            }
            return held
        }
        #expect(stock.free + inHand == 157)
        #expect(stock.isAtRest)
    }
}

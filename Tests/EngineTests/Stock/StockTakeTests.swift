import Testing

@testable import Engine

// A take is a machine of small steps on words that other shards change. Here the steps of several shards
// are put into every possible order (small cases) or into many random ones (larger cases), and each answer
// is held against the count of units that an all-knowing observer keeps.

@Suite struct StockTakeTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var stripes: [UInt64]
        var scripts: [[Move]]
        /// Which endings are allowed; nil: any.
        var isRight: (@Sendable (Ending) -> Bool)?

        var testDescription: String { "stripes \(stripes), scripts \(scripts)" }

        init(_ stripes: [UInt64], _ scripts: [[Move]], isRight: (@Sendable (Ending) -> Bool)? = nil) {
            self.stripes = stripes
            self.scripts = scripts
            self.isRight = isRight
        }
    }

    static let winners: @Sendable (Ending) -> Int = { ending in ending.joined().count { $0 } }

    static let cases: [Case] = [
        // The last unit, in a stripe of neither and of one of them.
        Case([1, 0], [[.take(1)], [.take(1)]]) { winners($0) == 1 },
        Case([0, 0, 1], [[.take(1)], [.take(1)], []]) { winners($0) == 1 },
        Case([1, 0, 0], [[.take(1)], [.take(1)], [.take(1)]]) { winners($0) == 1 },
        // Colliding gathers: one of them gets its units, never none.
        Case([1, 1], [[.take(2)], [.take(2)]]) { winners($0) == 1 },
        Case([2, 1], [[.take(3)], [.take(2)]]) { winners($0) == 1 },
        Case([2, 2], [[.take(3)], [.take(3)]]) { winners($0) == 1 },
        Case([1, 1, 1], [[.take(2)], [.take(2)], []]) { winners($0) == 1 },
        Case([1, 1, 1], [[.take(3)], [.take(2)], []]) { winners($0) == 1 },
        // A gather against single takes: it may fail, and then those did not.
        Case([1, 1], [[.take(2)], [.take(1)]]) { winners($0) >= 1 },
        Case([1, 2], [[.take(3)], [.take(1), .take(1)]]) { winners($0) >= 1 },
        // A gather that fails, and another attempt while its units are on loan.
        Case([1, 2], [[.take(3)], [.take(1), .take(2)]]),
        Case([1, 1], [[.take(2)], [.take(1), .putBack, .take(1)]]),
        // Units that move from stripe to stripe: never fewer than one is free.
        Case([1, 1], [[.take(1), .putBack], [.take(1), .putBack]]) { winners($0) == 2 },
        Case([1, 0, 0], [[], [.take(1), .putBack], [.take(1)]]) { winners($0) >= 1 },
        Case([0, 2], [[.take(1), .putBack, .take(2)], [.take(1), .putBack]]),
        // Units that arrive.
        Case([0, 0], [[.take(2)], [.restock(1), .restock(1)]]),
        Case([0, 0, 0], [[.take(2)], [.restock(1)], [.restock(1)]]),
    ]

    @Test(arguments: cases) func everyOrderOfStepsIsRight(_ arguments: Case) {
        let found = Interleavings(stripes: arguments.stripes, arguments.scripts).exploreAll()
        #expect(
            found.falseSoldOut.isEmpty,
            "SOLD_OUT although there were always enough:\n\(found.falseSoldOut.first ?? "")")
        #expect(found.stuck == 0, "states without a way to the end, of \(found.states)")
        #expect(found.lostUnits == 0)
        #expect(!found.endings.isEmpty)
        if let isRight = arguments.isRight {
            #expect(found.endings.allSatisfy(isRight), "\(found.endings)")
        }
    }

    /// Two shards, every split of up to four units, and every pair of scripts from a list (but for pairs
    /// that are another one with the shards renamed).
    @Test func everyPairOfScriptsIsRight() {
        let scripts: [[Move]] = [
            [], [.take(1)], [.take(2)], [.take(3)], [.take(1), .take(2)], [.take(2), .take(1)], [.take(1), .putBack],
            [.take(2), .putBack, .take(1)], [.take(1), .putBack, .take(3)], [.restock(1), .take(2)],
            [.take(1), .restock(2)], [.take(2), .take(2), .putBack],
        ]
        var states = 0
        for total in 0...4 as ClosedRange<UInt64> {
            for first in 0...total {
                for (index, left) in scripts.enumerated() {
                    for right in scripts[index...] { states += check([first, total - first], [left, right]) }
                }
            }
        }
        #expect(states > 100_000, "\(states) states are too few to have met anything")
    }

    /// Three shards, every split of three units in which the first shard has not all, every triple of
    /// scripts (but for rotations).
    @Test func everyTripleOfScriptsIsRight() {
        let scripts: [[Move]] = [[.take(1)], [.take(2)], [.take(3)], [.take(1), .putBack]]
        var states = 0
        for first in 0...2 as ClosedRange<UInt64> {
            for second in 0...(3 - first) {
                let third = 3 - first - second
                for (index, one) in scripts.enumerated() {
                    for two in scripts[index...] {
                        for three in scripts[index...] {
                            states += check([first, second, third], [one, two, three])
                        }
                    }
                }
            }
        }
        #expect(states > 100_000, "\(states) states are too few to have met anything")
    }

    /// Three to five shards and longer scripts, in random orders of steps.
    @Test func randomOrdersOfStepsAreRight() {
        for seed in 0..<1000 as Range<UInt64> {
            var dice = Dice(seed: seed)
            let shards = dice.pick(3...5)
            let stripes = (0..<shards).map { _ in UInt64(dice.below(4)) }
            let scripts = (0..<shards).map { _ in
                (0..<dice.pick(1...6)).map { _ -> Move in
                    switch dice.below(6) {
                    case 0: .putBack
                    case 1: .restock(UInt64(dice.pick(1...2)))
                    default: .take(UInt64(dice.pick(1...5)))
                    }
                }
            }
            let found = Interleavings(stripes: stripes, scripts).playOnce(&dice)
            #expect(
                found.falseSoldOut.isEmpty,
                "seed \(seed): SOLD_OUT although there were always enough:\n\(found.falseSoldOut.first ?? "")")
            #expect(found.stuck == 0 && found.lostUnits == 0, "seed \(seed)")
        }
    }

    /// Explores one case and answers how many states it had.
    private func check(_ stripes: [UInt64], _ scripts: [[Move]]) -> Int {
        let found = Interleavings(stripes: stripes, scripts).exploreAll()
        if !found.falseSoldOut.isEmpty || found.stuck != 0 || found.lostUnits != 0 {
            Issue.record(
                """
                stripes \(stripes), scripts \(scripts): \(found.stuck) of \(found.states) states are stuck, \
                \(found.lostUnits) endings lost units, SOLD_OUT was wrong after:
                \(found.falseSoldOut.first ?? "never")
                """)
        }
        return found.states
    }

    /// The exploration is worth something only if it finds the bug that the turnstile prevents. In a
    /// process of its own, because the plant is seen by all threads.
    @Test(.enabled(if: PlantedBug.isPossible)) func theExplorationFindsAPlantedBug() async {
        await #expect(processExitsWith: .success) {
            PlantedBug.plant(.noWaitForGathers)
            let found = Interleavings(stripes: [1, 2], [[.take(3)], [.take(1), .take(2)]]).exploreAll()
            precondition(!found.falseSoldOut.isEmpty)
        }
    }
}

import Testing

@testable import Engine

// A joint take holds several turnstiles, and what it has may all come back. Here its steps, those of takes of one
// sale, of gathers and of scans that end in SOLD_OUT are put into every possible order (small cases) or into many
// random ones, and each answer is held against the counts that an all-knowing observer keeps.

@Suite struct JointTakeTests {
    struct Case: CustomTestStringConvertible, Sendable {
        /// For each sale its stripes.
        var sales: [[UInt64]]
        var scripts: [[Move]]
        /// Which endings are allowed; nil: any.
        var isRight: (@Sendable (Ending) -> Bool)?

        var testDescription: String { "sales \(sales), scripts \(scripts)" }

        init(_ sales: [[UInt64]], _ scripts: [[Move]], isRight: (@Sendable (Ending) -> Bool)? = nil) {
            self.sales = sales
            self.scripts = scripts
            self.isRight = isRight
        }
    }

    static let winners: @Sendable (Ending) -> Int = { ending in ending.joined().count { $0 } }

    static let cases: [Case] = [
        // Two that want the same, and there is enough for one: one gets it, wherever the units lie.
        Case([[1, 0], [1, 0]], [[.takeAll([1, 1])], [.takeAll([1, 1])]]) { winners($0) == 1 },
        Case([[1, 0], [0, 1]], [[.takeAll([1, 1])], [.takeAll([1, 1])]]) { winners($0) == 1 },
        Case([[1, 1], [1, 1]], [[.takeAll([2, 2])], [.takeAll([2, 2])]]) { winners($0) == 1 },
        Case([[1, 1], [2, 1]], [[.takeAll([1, 2])], [.takeAll([2, 2])]]) { winners($0) == 1 },
        // One that must fail must not take the other down with it.
        Case([[1, 0], [0, 0]], [[.takeAll([1, 1])], [.take(1)]]) { $0 == [[false], [true]] },
        Case([[1, 1], [0, 1]], [[.takeAll([2, 2])], [.takeAll([2, 1])]]) { $0 == [[false], [true]] },
        Case([[1, 1], [1, 0]], [[.takeAll([1, 2])], [.take(2)]]) { $0 == [[false], [true]] },
        Case([[1, 0], [1, 0]], [[.takeAll([1, 2])], [.take(1), .take(1, of: 1)]]) { $0 == [[false], [true, true]] },
        // Chains: each collides with its neighbour.
        Case([[0, 1, 0], [1, 0, 0], [0, 1, 0]], [[.takeAll([1, 1, 0])], [.takeAll([0, 1, 1])], []]) {
            winners($0) == 1
        },
        Case([[1, 0, 0], [0, 0, 1]], [[.takeAll([1, 1])], [.takeAll([1, 1])], [.takeAll([1, 1])]]) {
            winners($0) == 1
        },
        Case([[1, 0, 0], [0, 0, 1]], [[.takeAll([1, 1])], [.take(1)], [.take(1, of: 1)]]) { winners($0) >= 1 },
        // Against gathers of one of the sales: they may fail, and then the joint take did not.
        Case([[1, 1], [1, 0]], [[.takeAll([1, 1])], [.take(2)]]) { winners($0) == 1 },
        Case([[1, 2], [1, 0]], [[.takeAll([3, 1])], [.take(3)]]) { winners($0) == 1 },
        Case([[1, 0], [1, 1]], [[.takeAll([1, 1])], [.take(2, of: 1)]]) { winners($0) == 1 },
        // Units that move from stripe to stripe, and some that arrive.
        Case([[1, 1], [1, 1]], [[.takeAll([1, 1]), .putBack], [.takeAll([1, 1]), .putBack]]) { winners($0) == 2 },
        Case([[1, 0], [0, 1]], [[.takeAll([1, 1]), .putBack], [.take(1), .putBack]]),
        Case([[0, 1], [0, 0]], [[.takeAll([1, 1])], [.restock(1, of: 1)]]),
        Case([[0, 1], [0, 0]], [[.takeAll([1, 1])], [.take(1), .restock(1, of: 1), .putBack]]),
    ]

    @Test(arguments: cases) func everyOrderOfStepsIsRight(_ arguments: Case) {
        let found = Interleavings(sales: arguments.sales, arguments.scripts).exploreAll()
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

    /// Two shards, two sales, every split of up to two units of each, and every pair of scripts from a list.
    @Test func everyPairOfScriptsIsRight() {
        let scripts: [[Move]] = [
            [.takeAll([1, 1])], [.takeAll([2, 1])], [.takeAll([1, 2])], [.takeAll([1, 1]), .putBack],
            [.take(1)], [.take(2)], [.take(1, of: 1)], [.take(2, of: 1), .putBack],
            [.restock(1), .takeAll([1, 1])],
        ]
        let splits: [[UInt64]] = [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2]]
        var states = 0
        for first in splits {
            for second in splits {
                for (index, left) in scripts.enumerated() {
                    for right in scripts[index...] { states += check([first, second], [left, right]) }
                }
            }
        }
        #expect(states > 100_000, "\(states) states are too few to have met anything")
    }

    /// Three to five shards, two to four sales and longer scripts, in random orders of steps.
    @Test func randomOrdersOfStepsAreRight() {
        for seed in 0..<1000 as Range<UInt64> {
            var dice = Dice(seed: seed)
            let shards = dice.pick(3...5)
            let sales = dice.pick(2...4)
            let stripes = (0..<sales).map { _ in (0..<shards).map { _ in UInt64(dice.below(3)) } }
            let scripts = (0..<shards).map { _ in
                (0..<dice.pick(1...5)).map { _ -> Move in
                    switch dice.below(8) {
                    case 0: .putBack
                    case 1: .restock(UInt64(dice.pick(1...2)), of: dice.below(sales))
                    case 2, 3: .take(UInt64(dice.pick(1...4)), of: dice.below(sales))
                    default: .takeAll((0..<sales).map { _ in UInt64(dice.below(4)) })
                    }
                }.filter { $0 != .takeAll((0..<sales).map { _ in 0 }) }
            }
            let found = Interleavings(sales: stripes, scripts).playOnce(&dice)
            #expect(
                found.falseSoldOut.isEmpty,
                "seed \(seed): SOLD_OUT although there were always enough:\n\(found.falseSoldOut.first ?? "")")
            #expect(found.stuck == 0 && found.lostUnits == 0, "seed \(seed)")
        }
    }

    /// Explores one case and answers how many states it had.
    private func check(_ sales: [[UInt64]], _ scripts: [[Move]]) -> Int {
        let found = Interleavings(sales: sales, scripts).exploreAll()
        if !found.falseSoldOut.isEmpty || found.stuck != 0 || found.lostUnits != 0 {
            Issue.record(
                """
                sales \(sales), scripts \(scripts): \(found.stuck) of \(found.states) states are stuck, \
                \(found.lostUnits) endings lost units, SOLD_OUT was wrong after:
                \(found.falseSoldOut.first ?? "never")
                """)
        }
        return found.states
    }

    /// Units on loan to a joint take that fails are what the turnstile is for: without waiting for it, the others
    /// say SOLD_OUT. In a process of its own, because the plant is seen by all threads.
    @Test(.enabled(if: PlantedBug.isPossible)) func theExplorationFindsAPlantedBug() async {
        await #expect(processExitsWith: .success) {
            PlantedBug.plant(.noWaitForGathers)
            let found = Interleavings(sales: [[1, 0], [0, 0]], [[.takeAll([1, 1])], [.take(1)]]).exploreAll()
            precondition(!found.falseSoldOut.isEmpty)
        }
    }
}

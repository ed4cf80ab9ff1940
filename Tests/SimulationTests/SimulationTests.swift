import Engine
import Simulation
import Testing

/// Some seeds of the simulator as a test: no promise breaks, a seed repeats itself, planted bugs are caught. The
/// thousands run in `make simulate`.
@Suite(.serialized) struct SimulationTests {
    @Test func seedsPass() {
        let simulation = Simulation()
        var coverage = Coverage()
        for seed in 1...80 {
            let outcome = simulation.run(seed: UInt64(seed))
            coverage.add(outcome.coverage)
            if let violation = outcome.violation {
                Issue.record(
                    "seed \(seed), step \(outcome.step): \(violation); replay: simulate --seed \(seed) --trace"
                )
            }
        }
        // A frame that paused kept its results, while replies of the catalogue were put together and left.
        #expect(coverage[.pauses] > 100 && coverage[.repliesMeanwhile] > 0, "\(coverage.line)")
        // Snapshots that were made, cut short by a crash, started from and passed over.
        #expect(coverage[.snapshots] > 50 && coverage[.snapshotCrashes] > 5, "\(coverage.line)")
        #expect(coverage[.startsFromSnapshots] > 30 && coverage[.snapshotsDamaged] > 1, "\(coverage.line)")
        #expect(coverage[.segmentsCovered] > 5, "\(coverage.line)")
        // Seeds that never came there have shown nothing about coupons and points.
        #expect(coverage[.couponsIssued] > 500 && coverage[.couponRestores] > 10, "\(coverage.line)")
        #expect(coverage[.exhausted] > 50 && coverage[.alreadyIssued] > 10, "\(coverage.line)")
        #expect(coverage[.pointUses] > 50 && coverage[.transactionsCancelled] > 20, "\(coverage.line)")
        for (kind, least) in Self.ofCheckouts + Self.ofForgetting {
            #expect(coverage[kind] >= least, "\(kind): \(coverage.line)")
        }
    }

    /// What has to happen to checkouts, and how often at the least.
    private static let ofCheckouts: [(Coverage.Kind, Int)] = [
        (.checkoutsPlaced, 150), (.checkoutsWithCoupon, 10), (.checkoutsWithPoints, 30), (.checkoutsEarning, 50),
        (.checkoutsConfirmed, 4), (.lateCheckouts, 8), (.lateCheckoutsRefused, 1), (.checkoutsExpired, 60),
        (.heldCheckoutsCancelled, 3), (.confirmedCheckoutsCancelled, 6), (.expiredCheckoutsCancelled, 10),
        (.checkoutTombstones, 10), (.checkoutEarningsSpent, 1), (.refusedByLine, 300), (.refusedByCoupon, 20),
        (.refusedByPoints, 80), (.refusedByEarning, 60), (.refusedByPartId, 2), (.partsOfCheckouts, 40),
        (.idsOfParts, 8), (.jointTakes, 200), (.jointTakesPutBack, 50), (.checkoutsCut, 10),
    ]

    /// What has to be forgotten, and asked about afterwards.
    private static let ofForgetting: [(Coverage.Kind, Int)] = [
        (.ordersRetired, 50), (.checkoutsRetired, 8), (.transactionsRetired, 100), (.couponsRetired, 15),
        (.couponOperationsRetired, 5), (.tombstonesRetired, 50), (.offersRetired, 30), (.retirementsCut, 10),
        (.tooOld, 50), (.forgottenAnswers, 50), (.acceptedAnew, 1), (.allForgotten, 6),
    ]

    /// The log is full in the middle of a frame whose results lie where its reply is to wait: some seeds come
    /// there, and pass.
    @Test func framesPauseInPlace() {
        let simulation = Simulation()
        let comesThere = (21...200).contains { seed in
            let outcome = simulation.run(seed: UInt64(seed))
            #expect(outcome.violation == nil, "seed \(seed)")
            return outcome.coverage[.pausesInPlace] > 0
        }
        #expect(comesThere)
    }

    @Test(arguments: [UInt64(3), 11, 17]) func aSeedRepeatsItself(_ seed: UInt64) {
        var lines: [[String]] = [[], []]
        var outcomes: [Simulation.Outcome] = []
        for run in 0..<2 { outcomes.append(Simulation().run(seed: seed) { lines[run].append($0) }) }
        #expect(outcomes[0].traceHash == outcomes[1].traceHash)
        #expect(outcomes[0].step == outcomes[1].step)
        #expect(lines[0] == lines[1] && !lines[0].isEmpty)
    }

    /// A simulator that catches nothing proves nothing. In a process of its own, because the plant is seen by all
    /// threads: other suites test the real thing meanwhile.
    @Test(.enabled(if: PlantedBug.isPossible), arguments: PlantedBug.allCases)
    func aPlantedBugIsCaught(_ bug: PlantedBug) async {
        await #expect(processExitsWith: .success, "100 seeds pass with \(bug.rawValue)") {
            [name = bug.rawValue as String] in
            PlantedBug.plant(PlantedBug(rawValue: name))
            let simulation = Simulation()
            precondition((1...100).contains { simulation.run(seed: UInt64($0)).violation != nil })
        }
    }

    @Test func seedsDiffer() {
        let simulation = Simulation()
        #expect(simulation.run(seed: 1).traceHash != simulation.run(seed: 2).traceHash)
    }
}

import Simulation
import Testing

/// A few seeds of the simulator in a debug build: no promise breaks, a seed repeats itself. The thousands run in
/// `make simulate`, which also asks that everything happened in them that can, and that planted bugs are caught.
@Suite(.serialized) struct SimulationTests {
    @Test func seedsPass() {
        let simulation = Simulation()
        for seed in 1...12 as ClosedRange<UInt64> {
            let outcome = simulation.run(seed: seed)
            if let violation = outcome.violation {
                Issue.record(
                    "seed \(seed), step \(outcome.step): \(violation); replay: simulate --seed \(seed) --trace"
                )
            }
        }
    }

    @Test(arguments: [UInt64(3), 11, 17]) func aSeedRepeatsItself(_ seed: UInt64) {
        var lines: [[String]] = [[], []]
        var outcomes: [Simulation.Outcome] = []
        for run in 0..<2 { outcomes.append(Simulation().run(seed: seed) { lines[run].append($0) }) }
        #expect(outcomes[0].traceHash == outcomes[1].traceHash)
        #expect(outcomes[0].step == outcomes[1].step)
        #expect(lines[0] == lines[1] && !lines[0].isEmpty)
    }

    @Test func seedsDiffer() {
        let simulation = Simulation()
        #expect(simulation.run(seed: 1).traceHash != simulation.run(seed: 2).traceHash)
    }
}

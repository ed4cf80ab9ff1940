import Engine

/// Runs seeds. One at a time in a process: a planted bug is planted for all of it.
public final class Simulation {
    public static let stepsUsual = 8000

    public struct Outcome: Sendable {
        public var seed: UInt64
        public var violation: Violation?
        /// The step at which it ended.
        public var step: Int
        /// Of everything that happened: equal for equal seeds.
        public var traceHash: UInt64
        public var coverage: Coverage
    }

    private let memory = ProcessMemory()
    private let snapshotMemory = ProcessMemory()

    public init() {}

    /// Runs one seed to its end or to the first promise that does not hold. `print` gets the trace, line by line.
    public func run(seed: UInt64, steps: Int = Simulation.stepsUsual, print: ((String) -> Void)? = nil) -> Outcome {
        run(Run(seed: seed, steps: steps), print: print)
    }

    public func run(_ run: Run, print: ((String) -> Void)? = nil) -> Outcome {
        memory.reset()
        let world = World(run, memory: memory, snapshotMemory: snapshotMemory, print: print)
        var violation: Violation?
        do { try world.run(steps: run.steps) } catch { violation = error }
        return Outcome(
            seed: run.seed, violation: violation, step: world.trace.step, traceHash: world.trace.hash,
            coverage: world.coverage)
    }
}

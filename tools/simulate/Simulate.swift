import ArgumentParser
import Engine
import Glibc
import Simulation

/// Runs the simulator over seeds, and says what it found.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the engine, the log, recovery and the mesh on a simulated clock and disk.",
        discussion: """
            Each seed draws a small server (1 to 4 shards, small blocks and segments), its clients, and what goes \
            wrong: kills, power losses with torn writes, crashes during recovery, another number of shards, slow \
            disks, delayed messages, retries, repeats, lost connections. After every step the promises of the \
            system are checked. A seed always does the same, so that a failure can be replayed:

              simulate                         seeds 1 to 100
              simulate --seeds 2000            seeds 1 to 2000
              simulate --seeds 500...900       these
              simulate --seed 17 --trace       one, with everything that happens in it
              simulate --seed 17 --shrink      if it fails: with as little in it as still fails
              simulate --seeds 1000000 --for 600
                                               as many of these as ten minutes have time for
              simulate --plant torn-tail-accepted --expect-caught
                                               break the engine on purpose; succeeds once a seed catches it

            Bugs can be planted in builds with -DPLANTED_BUGS and in debug builds.
            """)

    @Option(help: ArgumentHelp("Run this seed alone.", valueName: "N"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("Run these seeds: a count, from seed 1 on, or FIRST...LAST.", valueName: "SEEDS"))
    var seeds: SeedRange = SeedRange(first: 1, last: 100)

    @Option(help: ArgumentHelp("Steps of each seed before the faults stop.", valueName: "N"))
    var steps = Simulation.stepsUsual

    @Option(name: .customLong("for"), help: ArgumentHelp("Begin no seed after so many seconds.", valueName: "SECONDS"))
    var seconds: UInt64?

    @Option(help: ArgumentHelp("Another course of events in the seed's scenario.", valueName: "N"))
    var salt: UInt64 = 0

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Leave this out of the scenario. \(Self.reductions)", valueName: "PART"))
    var without: [String] = []

    @Flag(help: "Leave out of a seed that fails whatever can be, and say how to run what is left.")
    var shrink = false

    @Flag(help: "Print everything that happens, step by step.")
    var trace = false

    @Option(help: ArgumentHelp("Break the engine on purpose. \(Self.bugs)", valueName: "BUG"))
    var plant: String?

    @Flag(help: "Succeed if a seed fails, stop at the first that does; fail if none does.")
    var expectCaught = false

    @Flag(help: "Fail also if something of all that can happen was too rare.")
    var expectCoverage = false

    @Flag(help: "Print the bugs that can be planted, one a line, and run nothing.")
    var listBugs = false

    static var reductions: String { "Any of: \(Reduction.allCases.map(\.rawValue).joined(separator: ", "))." }

    static var bugs: String { "One of: \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", "))." }

    func validate() throws {
        if steps < 1 { throw ValidationError("A run has at least one step.") }
        if shrink && seed == nil { throw ValidationError("--shrink is for one seed: name it with --seed.") }
        if let other = without.first(where: { Reduction(rawValue: $0) == nil }) {
            throw ValidationError("A scenario has no part “\(other)”. \(Self.reductions)")
        }
        guard let plant else { return }
        guard PlantedBug(rawValue: plant) != nil else {
            throw ValidationError("There is no bug “\(plant)”. \(Self.bugs)")
        }
        guard PlantedBug.isPossible else {
            throw ValidationError(
                "Bugs cannot be planted in this build: build it with -Xswiftc -DPLANTED_BUGS.")
        }
    }

    func run() throws {
        if listBugs { return PlantedBug.allCases.forEach { print($0.rawValue) } }
        if let plant, let bug = PlantedBug(rawValue: plant) { PlantedBug.plant(bug) }
        if shrink { return try runShrinking() }
        let range = seed.map { SeedRange(first: $0, last: $0) } ?? seeds
        let simulation = Simulation()
        var coverage = Coverage()
        var passed = 0
        var failed = 0
        let begun = ContinuousClock.now
        for seed in range.first...range.last {
            if let seconds, ContinuousClock.now - begun >= .seconds(seconds) { break }
            let outcome = simulation.run(run(of: seed), print: trace ? { print($0) } : nil)
            coverage.add(outcome.coverage)
            guard let violation = outcome.violation else {
                passed += 1
                continue
            }
            failed += 1
            if expectCaught {
                say(
                    "caught by seed \(seed) at step \(outcome.step), after \(passed + failed) seeds: \(violation)"
                )
                return
            }
            say("FAILED seed \(seed) at step \(outcome.step): \(violation)")
            say("  replay: \(command(run(of: seed))) --trace")
        }
        print("tried: \(coverage.line)")
        let tooRare = coverage.tooRare(after: passed + failed)
        if !tooRare.isEmpty && passed + failed >= 100 { print("too rare: \(tooRare.joined(separator: ", "))") }
        print("\(passed) passed, \(failed) failed")
        if expectCaught { print("the planted bug was not caught") }
        if failed > 0 || expectCaught || expectCoverage && !tooRare.isEmpty { throw ExitCode.failure }
    }

    private func run(of seed: UInt64) -> Run {
        Run(seed: seed, steps: steps, salt: salt, reductions: without.compactMap(Reduction.init))
    }

    /// How to do a run again.
    private func command(_ run: Run) -> String {
        var words = ["simulate --seed \(run.seed)"]
        if run.salt != 0 { words.append("--salt \(run.salt)") }
        if run.steps != Simulation.stepsUsual { words.append("--steps \(run.steps)") }
        if !run.reductions.isEmpty {
            words.append("--without " + run.reductions.map(\.rawValue).joined(separator: " "))
        }
        if let plant { words.append("--plant \(plant)") }
        return words.joined(separator: " ")
    }

    private func runShrinking() throws {
        guard let (run, outcome) = Simulation().shrink(run(of: seed!), note: say) else {
            print("seed \(seed!) passes: there is nothing to shrink")
            throw ExitCode.failure
        }
        print("FAILED seed \(run.seed) at step \(outcome.step): \(outcome.violation!)")
        print("  replay: \(command(run)) --trace")
    }
}

/// Prints a line that is there even if the run is stopped.
private func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Seeds to run: `COUNT` or `FIRST...LAST`.
struct SeedRange: ExpressibleByArgument {
    var first: UInt64
    var last: UInt64

    init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }

    init?(argument: String) {
        if let count = UInt64(argument) {
            guard count > 0 else { return nil }
            self.init(first: 1, last: count)
            return
        }
        guard let dots = argument.firstRange(of: "...") else { return nil }
        guard let first = UInt64(argument[..<dots.lowerBound]),
            let last = UInt64(argument[dots.upperBound...]),
            first <= last
        else { return nil }
        self.init(first: first, last: last)
    }

    var defaultValueDescription: String { last == first ? "\(first)" : "\(first)...\(last)" }
}

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

    static var bugs: String { "One of: \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", "))." }

    func validate() throws {
        if steps < 1 { throw ValidationError("A run has at least one step.") }
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
        let range = seed.map { SeedRange(first: $0, last: $0) } ?? seeds
        let simulation = Simulation()
        var coverage = Coverage()
        var passed = 0
        var failed = 0
        for seed in range.first...range.last {
            let outcome = simulation.run(seed: seed, steps: steps, print: trace ? { print($0) } : nil)
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
            say(
                "  replay: simulate --seed \(seed)\(steps == Simulation.stepsUsual ? "" : " --steps \(steps)") --trace"
            )
        }
        print("tried: \(coverage.line)")
        let tooRare = coverage.tooRare(after: passed + failed)
        if !tooRare.isEmpty && passed + failed >= 100 { print("too rare: \(tooRare.joined(separator: ", "))") }
        print("\(passed) passed, \(failed) failed")
        if expectCaught { print("the planted bug was not caught") }
        if failed > 0 || expectCaught || expectCoverage && !tooRare.isEmpty { throw ExitCode.failure }
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

import ArgumentParser
import Generator
import Harness

struct Mirror: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "CPU of the shards per order with a mirror in Redis, and with its Redis stopped.",
        discussion: """
            Each round is the same open loop on three fresh servers: without a mirror, with one, and with one whose \
            Redis is stopped by SIGSTOP meanwhile. Rates would mislead where all processes share two cores: what is \
            compared is the CPU time of the shard's thread for one order. The usual load is so slow that each frame \
            is a turn of the shard and a block of the log, whoever else runs beside it: at a higher rate a busy \
            neighbour makes larger groups, which are cheaper. Afterwards Redis has to show what was sold, and say \
            how many counts it was given.
            """)

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "The redis-server to start; the one of this machine, unless given.")
    var redisServer: String?
    @Option(help: "Sales that the orders are spread over.")
    var sales = 100
    @Option(help: "Connections of the load.")
    var connections = 1
    @Option(help: "Orders in each frame; they are for sales at random.")
    var batch = 128
    @Flag(help: "Mirror events too.")
    var events = false
    @Option(help: "Seconds of each measurement.")
    var seconds = 3.0
    @Option(help: "Rounds: without, with, stopped, without...")
    var rounds = 7
    @Option(help: "Orders a second that are due; 200 frames a second, unless given.")
    var rate: Double?

    func validate() throws {
        guard (1...10_000).contains(sales), rounds >= 1, seconds >= 1, (rate ?? 1) > 0, connections > 0, batch > 0
        else {
            throw ValidationError("sales are 1 to 10,000, seconds at least 1, the others above 0")
        }
        guard redisProgram != nil else {
            throw ValidationError("there is no redis-server: apt-get install redis-server, or --redis-server PATH")
        }
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        var results: [[MirrorTrial]] = []
        for round in 0..<rounds {
            var trials: [MirrorTrial] = []
            for mode in MirrorMode.allCases {
                Progress.show("round \(round + 1) of \(rounds): mirror \(mode.rawValue)")
                trials.append(
                    try MirrorTrial.run(
                        mode, trial(seed: UInt64(round + 1)), redisServer: redisProgram!,
                        redisCPU: options.fresh.generatorCpu, events: events))
            }
            results.append(trials)
        }
        Progress.clear()
        let report = MirrorReport(
            command: "mirror", machine: machine, connections: connections, batch: batch, rate: due, sales: sales,
            events: events, rounds: results)
        print("\n\(report.text)")
        warnOfRefusals(results.joined().reduce(0) { $0 + $1.load.refused })
        try output.write(report)
        if !results.joined().allSatisfy({ $0.mode == .off || $0.isCoalesced }) { throw ExitCode.failure }
    }

    private var redisProgram: String? { redisServer ?? Installed.redisServer() }

    private var due: Double { rate ?? 200 * Double(batch) }

    private func trial(seed: UInt64) -> Trial {
        let test = LoadCase(name: "mirror", connections: connections, depth: 1, batch: batch)
        var trial = room.trial(test, options, seconds: seconds, seed: seed, framesPerSecond: due / Double(batch))
        trial.plan.saleIds = Array(1...UInt64(sales))
        return trial
    }
}

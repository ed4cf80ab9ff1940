import ArgumentParser
import Generator
import Harness

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures a timesale server.",
        discussion: """
            Server and generator share the machine: the share of a core that each took stands beside every rate. \
            bench/README.md says how to read the figures.
            """,
        subcommands: [
            TimeSale.self, Coupon.self, Point.self, Full.self, All.self,
            Speed.self, Latency.self, Memory.self, Growth.self, Modules.self, Snapshots.self, Load.self, Micro.self,
            Mirror.self, Overload.self, Compare.self,
        ])
}

Interruption.install()
Bench.main()

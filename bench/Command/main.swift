import ArgumentParser
import Foundation

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures a timesale server.", subcommands: [Speed.self, Load.self, Micro.self])
}


Bench.main()

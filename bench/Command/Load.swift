import ArgumentParser
import Foundation
import Generator

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One run of one shape of load, on a fresh server or on one that is there.")

    @OptionGroup var options: MeasureOptions
    @Option(help: "Connections.")
    var connections = 64
    @Option(help: "Frames in flight on each connection.")
    var depth = 1
    @Option(help: "Orders in each frame, 1 to 8190.")
    var batch = 1
    @Option(help: "Frames a second on a schedule (open loop) in place of a closed loop.")
    var rate: Double?
    @Option(help: "Seed of users, sales and ids.")
    var seed: UInt64 = 1

    func validate() throws {
        guard connections >= 1, depth >= 1, batch >= 1, batch <= 8190, options.seconds > 0, (rate ?? 1) > 0
        else {
            throw ValidationError(
                "connections, depth, seconds and rate have to be above 0, the batch 1 to 8190")
        }
    }

    mutating func run() throws {
        options.pinGenerator()
        let test = SpeedCase(name: "this load", connections: connections, depth: depth, batch: batch)
        let measurement = try measure(options, test, seed: seed, framesPerSecond: rate) { pid in
            // For those who attach a profiler.
            FileHandle.standardError.write(Data("load begins on process \(pid)\n".utf8))
        }
        let report = measurement.report
        print("accepted    \(Int(report.acceptedPerSecond)) orders/s, refused \(report.refusedTotal)")
        print(
            "latency us  p50 \(report.p50Us)  p99 \(report.p99Us)  p99.9 \(report.p999Us)  "
                + "p99.99 \(report.p9999Us)  max \(report.maxUs)"
        )
        print(
            "CPU         server \(Int(measurement.serverCPU * 100)) %, generator \(Int(report.generatorCPU * 100)) %"
        )
        if report.unsent > 0 {
            print("unsent      \(report.unsent) frames: the generator could not keep its schedule")
        }
    }
}

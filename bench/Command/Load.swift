import ArgumentParser
import Foundation
import Generator
import Harness

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One run of one shape of load, on a fresh server.")

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @Option(help: "Connections.")
    var connections = 64
    @Option(help: "Frames in flight on each connection.")
    var depth = 1
    @Option(help: "Orders in each frame, 1 to 8190.")
    var batch = 1
    @Option(help: "Seconds that are measured, after half a second that is not.")
    var seconds = 4.0
    @Option(help: "Frames a second on a schedule (open loop) in place of a closed loop.")
    var rate: Double?
    @Option(help: "What to ask for: \(Workload.allCases.map(\.rawValue).joined(separator: ", ")).")
    var workload = Workload.order
    @Option(help: "Seed of users, sales and ids.")
    var seed: UInt64 = 1

    func validate() throws {
        guard connections >= 1, connections <= 10_000, depth >= 1, batch >= 1, batch <= 8190 else {
            throw ValidationError("connections are 1 to 10000, the batch 1 to 8190, the depth at least 1")
        }
        guard batch <= workload.batchMax else {
            throw ValidationError("a frame holds at most \(workload.batchMax) of \(workload.rawValue): lower --batch")
        }
        guard connections * depth <= 1 << 20, seconds > 0, (rate ?? 1) > 0 else {
            throw ValidationError("seconds and rate have to be above 0, frames in flight at most 1048576")
        }
    }

    mutating func run() throws {
        let test = LoadCase(name: "this load", connections: connections, depth: depth, batch: batch)
        var trial = room.trial(test, options, seconds: seconds, seed: seed, framesPerSecond: rate)
        trial.setWorkload(workload)
        let result = try trial.run { pid in
            // For those who attach a profiler.
            FileHandle.standardError.write(Data("load begins on process \(pid)\n".utf8))
        }
        let latency = result.latency
        print("accepted    \(grouped(result.ordersPerSecond))/s: \(workload.rawValue)")
        print(
            "latency us  p50 \(latency.p50Us)  p99 \(latency.p99Us)  p99.9 \(latency.p999Us)  "
                + "p99.99 \(latency.p9999Us)  max \(latency.maxUs)")
        if rate != nil {
            print(
                "lateness us p50 \(result.lateness.p50Us)  p99 \(result.lateness.p99Us)  max \(result.lateness.maxUs): "
                    + "what the generator itself added")
        }
        print(
            "CPU         shard \(percent(result.shardCPU)), server \(percent(result.serverCPU)), "
                + "generator \(percent(result.generatorCPU)), others \(percent(result.othersCPU)) "
                + "(stolen \(percent(result.stolenCPU)))")
        print(
            "log         \(grouped(result.logBlocksPerSecond)) blocks/s, \(grouped(result.logWriteMeanUs)) us each")
        if result.unsentFrames > 0 {
            print("unsent      \(result.unsentFrames) frames: the server did not take what was due")
        }
        warnOfRefusals(result.refused)
    }
}

extension Workload: ExpressibleByArgument {}

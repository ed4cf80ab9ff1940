// client-rate: how many orders a second one client carries, through concurrent single calls and through explicit
// batches.
//
//     client-rate ADDRESS single TASKS SECONDS [loop|pool]
//     client-rate ADDRESS batch SIZE SECONDS [CONCURRENT]
//     client-rate restart TASKS                 starts a server of its own (TIMESALED, or bin/timesaled)
//
// `restart` kills that server with SIGKILL under load, starts it again, and prints when the rate was back, beside what
// was reported and what the server counts.
//
// Prints accepted orders a second, latencies, the client's CPU use, and calls a frame. The sale is created with
// stock above demand. `loop` runs the calling tasks on the client's own thread, `pool` on Swift's.

import Glibc
import Synchronization
import TimesaleClient

func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

struct Measured: Sendable {
    var accepted = 0
    var failed = 0
    var latenciesUs: [UInt32] = []

    static func + (left: Measured, right: Measured) -> Measured {
        Measured(
            accepted: left.accepted + right.accepted, failed: left.failed + right.failed,
            latenciesUs: left.latenciesUs + right.latenciesUs)
    }
}

func single(_ client: TimesaleClient, _ sale: SaleID, _ user: UInt64, until end: ContinuousClock.Instant)
    async -> Measured
{
    var measured = Measured()
    while true {
        let begin = ContinuousClock.now
        if begin >= end { return measured }
        do {
            _ = try await client.order(sale: sale, user: UserID(user), timeoutMs: 20_000)
            measured.accepted += 1
            measured.latenciesUs.append(UInt32((.now - begin) / .microseconds(1)))
        } catch {
            measured.failed += 1
        }
    }
}

func batches(
    _ client: TimesaleClient, _ sale: SaleID, _ size: Int, _ seed: UInt64, until end: ContinuousClock.Instant
) async -> Measured {
    var measured = Measured()
    while true {
        let begin = ContinuousClock.now
        if begin >= end { return measured }
        let requests = (0..<size).map { OrderRequest(sale: sale, user: UserID(seed + UInt64($0))) }
        for result in await client.orders(requests, timeoutMs: 20_000) {
            if case .success = result { measured.accepted += 1 } else { measured.failed += 1 }
        }
        measured.latenciesUs.append(UInt32((.now - begin) / .microseconds(1)))
    }
}

func run() async throws {
    let arguments = CommandLine.arguments
    if arguments.count == 3, arguments[1] == "restart", let tasks = Int(arguments[2]) {
        return try await measureRestart(tasks: tasks)
    }
    guard arguments.count >= 5, let address = ClientConfiguration.Address(arguments[1]),
        let size = Int(arguments[3]), let seconds = Double(arguments[4])
    else {
        print(
            "usage: client-rate ADDRESS (single TASKS SECONDS [loop|pool] | batch SIZE SECONDS [CONCURRENT])")
        exit(64)
    }
    let mode = arguments[2]
    var configuration = ClientConfiguration(address)
    if let value = getenv("BATCH").flatMap({ Int(String(cString: $0)) }) {
        configuration.batchCountMax = value
    }
    if let value = getenv("FRAMES").flatMap({ Int(String(cString: $0)) }) {
        configuration.framesInFlightMax = value
    }
    let client = try await TimesaleClient.connect(configuration)
    let sale = SaleID(UInt64.random(in: 1 ... .max))
    try await client.createSale(NewSale(id: sale, name: "client-rate", stock: 1 << 39))
    let before = try await client.stats()
    let cpuBefore = cpuSeconds()
    let begin = ContinuousClock.now
    let end = begin + .seconds(seconds)
    let onLoop = mode == "single" && (arguments.count < 6 || arguments[5] == "loop")
    let tasks = mode == "single" ? size : (arguments.count > 5 ? Int(arguments[5]) ?? 1 : 1)
    let measured = await withTaskExecutorPreference(onLoop ? client.taskExecutor : nil) {
        await withTaskGroup(of: Measured.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    mode == "single"
                        ? await single(client, sale, UInt64(task + 1), until: end)
                        : await batches(client, sale, size, UInt64(task * size + 1), until: end)
                }
            }
            var all: [Measured] = []
            for await one in group { all.append(one) }
            var sum = Measured()
            for one in all {
                sum.accepted += one.accepted
                sum.failed += one.failed
                sum.latenciesUs += one.latenciesUs
            }
            return sum
        }
    }
    let elapsed = (ContinuousClock.now - begin) / .seconds(1)
    let cpu = cpuSeconds() - cpuBefore
    let after = try await client.stats()
    let frames = zip(before, after).reduce(0) { $0 + $1.1.frames - $1.0.frames }
    let latencies = measured.latenciesUs.sorted()
    func percentile(_ share: Double) -> UInt32 {
        latencies.isEmpty ? 0 : latencies[min(latencies.count - 1, Int(share * Double(latencies.count)))]
    }
    print(
        "\(mode) \(size): \(Int(Double(measured.accepted) / elapsed)) orders/s accepted, \(measured.failed) failed,",
        "p50 \(percentile(0.5)) us, p99 \(percentile(0.99)) us,",
        "client CPU \(Int(cpu / elapsed * 100)) %, \(measured.accepted / max(1, Int(frames))) orders a frame")
    await client.shutdown()
}

do { try await run() } catch {
    print("client-rate: \(error)")
    exit(1)
}

import Protocol
import TestSupport

/// The cases: shapes of load on servers of one shard and of two.
struct HotPath {
    let timesaled: String
    let counter: String
    private var cases = 0
    private var failures = 0
    private var accepted = 0

    private static let entriesPerCase = 1_000_000

    private enum Sale: UInt64, CaseIterable {
        case plain = 1
        /// Units are held first, and each user has a limit.
        case held
        /// Holds expire while orders come in.
        case expiring

        var holdMs: UInt32 {
            switch self {
            case .plain: 0
            case .held: 3_600_000
            case .expiring: 100
            }
        }
    }

    init(timesaled: String, counter: String) {
        self.timesaled = timesaled
        self.counter = counter
    }

    mutating func run() throws {
        try durableAtOnce()
        try durableLater()
        try ofOtherShards()
    }

    /// Says what came of it: true if no case failed.
    func conclude() -> Bool {
        if failures == 0 {
            say("\(cases) cases, \(accepted) operations accepted, no allocation on a shard's thread")
        } else {
            say("FAILED: \(failures) of \(cases) cases allocate on a shard's thread")
        }
        return failures == 0
    }

    // MARK: Cases

    private mutating func durableAtOnce() throws {
        let process = try start(shards: 1, fsync: "always")
        try Controls.aConnectionIsCounted(process)
        var seed: UInt64 = 0
        for shape in [LoadShape.singles, .pipelined, .batches] {
            for sale in [Sale.plain, .held] {
                seed += 1
                let load = try Load(process.server, shape, shards: 1, seed: seed)
                try load.warmUp(sale: sale.rawValue)
                try expectNone(process, shards: 1, "\(sale) orders, \(shape.name)") {
                    try load.run(.order, sale: sale.rawValue, count: Self.entriesPerCase)
                }
                // What the last run placed is confirmed in one shape, cancelled in another.
                guard sale == .held, shape.depth * shape.batch > 1 else { continue }
                let change = shape.batch == 1 ? Operation.confirm : .cancel
                try expectNone(process, shards: 1, "\(change) of held orders, \(shape.name)") {
                    try load.run(change, count: Self.entriesPerCase)
                }
            }
        }
        // Again at the end: the counter has not stopped to count meanwhile.
        try Controls.aConnectionIsCounted(process)
    }

    private mutating func durableLater() throws {
        let process = try start(shards: 1, fsync: "everysec")
        let shape = LoadShape.pipelined
        let load = try Load(process.server, shape, shards: 1, seed: 1)
        try load.warmUp(sale: Sale.expiring.rawValue)
        try expectNone(
            process, shards: 1, "orders whose holds expire meanwhile, \(shape.name), --fsync everysec"
        ) {
            try load.run(.order, sale: Sale.expiring.rawValue, count: Self.entriesPerCase)
        }
        let expiries = try process.client.stats()[0].expiries
        guard expiries > UInt64(Self.entriesPerCase / 4) else {
            throw HotPathFault("only \(expiries) holds expired: the case does not show what it is there for")
        }
    }

    /// Every order arrives at the wrong shard and crosses to its own, and its result comes back.
    private mutating func ofOtherShards() throws {
        let process = try start(shards: 2, fsync: "always")
        var seed: UInt64 = 0
        // With one connection on each shard the large replies are put together one at a time.
        let large = LoadShape(name: "batches of 1024", connections: 2, batch: 1024)
        for shape in [LoadShape.singles, .pipelined, .batches, large] {
            seed += 1
            let load = try Load(process.server, shape, shards: 2, seed: seed)
            try load.warmUp(sale: Sale.held.rawValue)
            try expectNone(process, shards: 2, "held orders of the other shard, \(shape.name)") {
                try load.run(.order, sale: Sale.held.rawValue, count: Self.entriesPerCase)
            }
        }
        // A shard publishes its counts once a second.
        let crossed = try eventually {
            try process.client.stats().reduce(0) { $0 + $1.forwarded }
        } until: {
            $0 >= UInt64(seed) * UInt64(Self.entriesPerCase)
        }
        if crossed == nil { throw HotPathFault("the orders did not cross between the shards") }
    }

    // MARK: Steps

    /// A server with the counter in it and three sales that nobody can sell out.
    private func start(shards: Int, fsync: String) throws -> CountedProcess {
        let process = try CountedProcess(
            timesaled, counter: counter,
            ["--shards", "\(shards)", "--fsync", fsync, "--orders", "10000000", "--log-level", "warning"])
        var mint = IdMint(seed: 1)
        for sale in Sale.allCases {
            let result = try process.client.createSale(
                .open(
                    sale.rawValue, stock: 1 << 40, holdMs: sale.holdMs,
                    perUserLimit: sale == .held ? 1_000_000 : 0,
                    operationId: mint.catalogueId()))
            guard result.code == .ok else { throw HotPathFault("the sale \(sale): \(result.code)") }
        }
        return process
    }

    /// Carries out one case between two readings of the counter. Answers nothing: what it finds is counted.
    private mutating func expectNone(
        _ process: CountedProcess, shards: Int, _ name: String, _ body: () throws -> Int
    ) throws {
        var done = 0
        let calls = try process.calls(of: "shard ", threads: shards) { done = try body() }
        cases += 1
        accepted += done
        let found = calls.filter { $0.value.contains { $0 != 0 } }.sorted { $0.key < $1.key }
        guard !found.isEmpty else { return say("\(name): \(done) accepted, 0 calls") }
        failures += 1
        for (thread, counts) in found {
            let named = zip(CounterFile.functions, counts).filter { $0.1 != 0 }.map { "\($0.0) \($0.1)" }
            say("FAILED: \(name): \(done) accepted, \(thread) called \(named.joined(separator: ", "))")
            for line in try process.backtrace(ofThread: thread) { say("    \(line)") }
        }
    }
}

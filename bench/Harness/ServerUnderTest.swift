import CLinux
import Foundation
import Generator

/// A fresh `timesaled` for one measurement: release build, empty data directory, ended and removed afterwards.
public final class ServerUnderTest {
    public struct Settings: Sendable {
        public var executable: String
        /// Where the data directory is made; nil: with the temporary files.
        public var directory: String?
        public var shards = 1
        public var fsync = "always"
        public var users = 1_000_000
        public var sales = 100_000
        public var capacity = Capacity(orders: 4_000_000, logAheadBytes: 0)
        /// Of other modules; 0: as the server has it.
        public var transactions = 0
        public var coupons = 0
        public var checkouts = 0
        /// Whether tables have all their memory before the load begins.
        public var areTablesResident = true
        /// The CPU of each shard's thread; empty: the scheduler's choice.
        public var pin: [Int] = []
        /// Whether the server knows of snapshots: one to compare with may be older.
        public var makesSnapshots = true
        /// Log after which one is made; 0: only when asked, so that none disturbs what is measured.
        public var snapshotAfterBytes = 0
        /// Where its counts are mirrored to; nil: nowhere.
        public var redis: String?
        /// Whether its events go there too.
        public var redisEvents = false

        public init(executable: String) { self.executable = executable }
    }

    /// What a server said about the recovery of its log, and the CPU time of the process until it said so.
    public struct Recovery: Equatable, Sendable {
        public var events: Int
        public var ms: Int
        public var cpuSeconds = 0.0

        /// Reads a line such as `... recovered 12 events in 3 ms, up to sequence 9`.
        public init?(line: some StringProtocol) {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "recovered"), words.count > place + 5,
                words[place + 2] == "events", words[place + 3] == "in", words[place + 5].hasPrefix("ms"),
                let events = Int(words[place + 1]), let ms = Int(words[place + 4])
            else { return nil }
            self.events = events
            self.ms = ms
        }
    }

    private let settings: Settings
    private let directory: URL
    private var process = Process()
    private var port: UInt16 = 0

    public init(_ settings: Settings) throws {
        self.settings = settings
        let parent = settings.directory.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
        directory = parent.appendingPathComponent("timesale-bench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        do {
            try launch()
            try readAddress()
            try waitForSpares(settings.capacity.logAheadBytes / (64 << 20))
        } catch {
            stop()
            throw error
        }
    }

    public var pid: Int32 { process.processIdentifier }
    public var usage: ProcessUsage { ProcessUsage(pid: pid) }

    public func address(isUnix: Bool) -> LoadPlan.Address { isUnix ? .unix(path: unixPath) : .tcp(port: port) }

    /// Ends the server and removes its data.
    public func stop() {
        if process.isRunning { process.terminate() }
        if process.processIdentifier > 0 { process.waitUntilExit() }
        try? FileManager.default.removeItem(at: directory)
    }

    /// Ends the server as a crash does; its data stays until it is stopped.
    public func crash() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// Ends the server as a crash does, and starts it on what it left.
    public func crashAndRecover() throws -> Recovery {
        crash()
        let messages = Pipe()
        try launch(messages: messages)
        var text = ""
        while true {
            let data = messages.fileHandleForReading.availableData
            text += String(decoding: data, as: UTF8.self)
            let line = text.split(separator: "\n").lazy.compactMap { Recovery(line: $0) }.first
            if var recovery = line {
                recovery.cpuSeconds = usage.cpuSeconds
                try readAddress()
                return recovery
            }
            guard !data.isEmpty else { throw LoadError(description: "the server did not recover:\n\(text)") }
        }
    }

    // MARK: Start

    private var unixPath: String { directory.appendingPathComponent("bench.sock").path }
    var dataPath: String { directory.appendingPathComponent("data").path }

    private func launch(messages: Pipe? = nil) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: settings.executable)
        process.arguments = [
            "--data", dataPath, "--listen", "127.0.0.1:0", "--listen", "unix:\(unixPath)",
            "--shards", "\(settings.shards)", "--fsync", settings.fsync,
            "--orders", "\(settings.capacity.orders)", "--users", "\(settings.users)", "--sales", "\(settings.sales)",
            "--connections", "10240", "--log-ahead", "\(settings.capacity.logAheadBytes >> 20)MiB",
            "--tables", settings.areTablesResident ? "resident" : "growing",
            "--log-level", messages == nil ? "warning" : "info",
        ]
        if settings.makesSnapshots {
            process.arguments! += ["--snapshot-after", "\(settings.snapshotAfterBytes >> 20)MiB"]
        }
        if settings.transactions > 0 { process.arguments! += ["--transactions", "\(settings.transactions)"] }
        if settings.checkouts > 0 { process.arguments! += ["--checkouts", "\(settings.checkouts)"] }
        if settings.coupons > 0 { process.arguments! += ["--coupons", "\(settings.coupons)"] }
        if let redis = settings.redis { process.arguments! += ["--redis", redis] }
        if settings.redisEvents { process.arguments! += ["--redis-events"] }
        if !settings.pin.isEmpty {
            process.arguments! += ["--pin", settings.pin.map(String.init).joined(separator: ",")]
        }
        // Options of the shell that runs a measurement are not the measurement's.
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TIMESALE_") }
        process.standardOutput = Pipe()
        if let messages { process.standardError = messages }
        try process.run()
    }

    private func readAddress() throws {
        var text = ""
        while !text.contains("ready\n") {
            let data = (process.standardOutput as! Pipe).fileHandleForReading.availableData
            guard !data.isEmpty else { throw LoadError(description: "the server did not start: see above") }
            text += String(decoding: data, as: UTF8.self)
        }
        let prefix = "listening on 127.0.0.1:"
        let line = text.split(separator: "\n").first { $0.hasPrefix(prefix) }
        guard let port = line.flatMap({ UInt16($0.dropFirst(prefix.count)) }) else {
            throw LoadError(description: "the server named no port")
        }
        self.port = port
    }

    /// Waits until the log that was asked for is ready: what is measured is orders, not the making of files.
    private func waitForSpares(_ count: Int) throws {
        // Seconds without a new one: a full disk, most likely.
        let patienceUs: UInt64 = 30_000_000
        var (ready, sinceUs) = (0, MonotonicClock.nowUs())
        while ready < count {
            try Interruption.check()
            let names = (try? FileManager.default.contentsOfDirectory(atPath: dataPath)) ?? []
            let found = names.count { $0.hasPrefix("spare-") && $0.hasSuffix(".seg") }
            if found > ready { (ready, sinceUs) = (found, MonotonicClock.nowUs()) }
            guard MonotonicClock.nowUs() - sinceUs < patienceUs else {
                throw LoadError(description: "the server has made \(found) of \(count) log segments and stands still")
            }
            usleep(20_000)
        }
    }
}

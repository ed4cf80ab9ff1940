import CLinux
import Foundation
import Generator

/// Redis with the order as one script, in one of its three ways to keep what it was told.
public struct RedisContestant: Contestant {
    public enum Durability: String, CaseIterable, Sendable {
        /// An fsync before the replies of each turn of its loop, as timesale has it.
        case always
        /// An fsync a second: what was answered since is lost with the machine.
        case everysec
        /// No append-only file: what was answered is lost with the process.
        case none
    }

    public let durability: Durability
    private let executable: String
    private let settings: ContestSettings

    public var name: String { "redis-\(durability.rawValue)" }

    public init(_ durability: Durability, executable: String, settings: ContestSettings) {
        self.durability = durability
        self.executable = executable
        self.settings = settings
    }

    public func start(_ plan: LoadPlan, terms: SaleTerms) throws -> any ContestantServer {
        guard plan.batch <= RedisWire.batchMax else {
            throw LoadError(description: "a script of Redis takes batches of at most \(RedisWire.batchMax)")
        }
        return try RedisServer(durability, executable: executable, settings: settings, terms: terms)
    }
}

/// A fresh redis-server: its main thread where timesale's shard would be, its other threads beside the generator, as
/// timesale's are.
public final class RedisServer: ContestantServer {
    private let program: ServerProgram
    private let port: UInt16
    private let settings: ContestSettings
    private var wire: RedisWire?

    public init(
        _ durability: RedisContestant.Durability, executable: String, settings: ContestSettings, terms: SaleTerms
    ) throws {
        self.settings = settings
        port = try ServerProgram.freePort()
        program = try ServerProgram(settings)
        do {
            let configuration = program.path("redis.conf")
            try Self.configuration(durability, port: port, program: program, settings: settings)
                .write(toFile: configuration, atomically: true, encoding: .utf8)
            try program.launch(executable, [configuration], cpu: settings.generatorCPU)
            try program.waitUntilReady {
                let redis = try RedisConnection(self.question)
                // While it loads it answers with an error.
                return (try? redis.call("PING")) == .text("PONG")
            }
            try prepare(terms)
        } catch {
            program.stop(SIGKILL)
            throw error
        }
    }

    /// Nothing of it is left at what would slow it down: no snapshots, no rewrite of the log, no slow log.
    private static func configuration(
        _ durability: RedisContestant.Durability, port: UInt16, program: ServerProgram, settings: ContestSettings
    ) -> String {
        var lines = [
            "dir \(program.directory.path)", "bind 127.0.0.1", "port \(port)",
            "unixsocket \(program.path("redis.sock"))",
            "save \"\"", "appendonly \(durability == .none ? "no" : "yes")",
            "aof-use-rdb-preamble yes", "auto-aof-rewrite-percentage 0", "no-appendfsync-on-rewrite yes",
            "io-threads 1", "maxclients 20000", "slowlog-log-slower-than -1", "latency-tracking no",
            "loglevel warning",
        ]
        if durability != .none { lines.append("appendfsync \(durability.rawValue)") }
        if settings.serverCPU >= 0 { lines.append("server_cpulist \(settings.serverCPU)") }
        if settings.generatorCPU >= 0 { lines.append("bio_cpulist \(settings.generatorCPU)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private var question: LoadPlan.Address { .unix(path: program.path("redis.sock")) }

    private func prepare(_ terms: SaleTerms) throws {
        let redis = try RedisConnection(question)
        _ = try redis.call(
            "HSET", RedisWire.saleKey(terms.sale), "available", "\(terms.stock)", "starts", "\(terms.startsAtMs)",
            "ends", "\(terms.endsAtMs)", "limit", "\(terms.perUserLimit)")
        let scripts = try [RedisScripts.order, RedisScripts.batch].map { script in
            guard case .bulk(let digest) = try redis.call("SCRIPT", "LOAD", script) else {
                throw LoadError(description: "Redis does not name a script")
            }
            return String(decoding: digest, as: UTF8.self)
        }
        wire = RedisWire(sale: terms.sale, orderScript: scripts[0], batchScript: scripts[1])
    }

    public func aim(_ plan: inout LoadPlan) {
        plan.address = settings.isUnix ? question : .tcp(port: port)
        plan.wire = wire
    }

    public var cpuSeconds: Double { program.cpuSeconds }

    public func sold(_ terms: SaleTerms) throws -> Sold {
        let redis = try RedisConnection(question)
        guard case .bulk(let digits) = try redis.call("HGET", RedisWire.saleKey(terms.sale), "available"),
            let available = UInt64(String(decoding: digits, as: UTF8.self)),
            case .integer(let orders) = try redis.call("HLEN", RedisWire.ordersKey)
        else { throw LoadError(description: "Redis has lost the sale") }
        return Sold(units: terms.stock - available, orders: UInt64(orders))
    }

    public func stop() { program.stop(SIGKILL) }
}

import CLinux
import Foundation
import Generator

/// A fresh redis-server that a mirror writes to, beside the generator.
public final class MirroredRedis {
    private let program: ServerProgram
    private let port: UInt16

    /// - Parameter cpu: where it runs; -1: the scheduler's choice.
    public init(executable: String, directory: String?, cpu: Int) throws {
        port = try ServerProgram.freePort()
        var settings = ContestSettings()
        settings.directory = directory
        program = try ServerProgram(settings)
        do {
            try program.launch(
                executable,
                [
                    "--dir", program.directory.path, "--bind", "127.0.0.1", "--port", "\(port)", "--save", "",
                    "--appendonly", "no", "--loglevel", "warning",
                ], cpu: cpu)
            try program.waitUntilReady { (try? self.connection().call("PING")) == .text("PONG") }
        } catch {
            program.stop(SIGKILL)
            throw error
        }
    }

    public var url: String { "redis://127.0.0.1:\(port)" }

    private func connection() throws -> RedisConnection { try RedisConnection(.tcp(port: port)) }

    /// Counts written so far, by what Redis itself says: each write of a sale sets its plain number once.
    public func countWrites() throws -> UInt64 {
        guard case .bulk(let text) = try connection().call("INFO", "commandstats") else {
            throw LoadError(description: "Redis does not say which commands it got")
        }
        let prefix = "cmdstat_set:calls="
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix(prefix) }) else { return 0 }
        guard let calls = UInt64(line.dropFirst(prefix.count).prefix { $0.isNumber }) else {
            throw LoadError(description: "Redis says: \(line)")
        }
        return calls
    }

    /// Units of these sales that the mirror shows as sold.
    public func sold(_ sales: [UInt64]) throws -> UInt64 {
        let redis = try connection()
        return try sales.reduce(0) { sum, sale in
            guard case .bulk(let digits) = try redis.call("HGET", "timesale:{\(sale)}", "sold"),
                let sold = UInt64(String(decoding: digits, as: UTF8.self))
            else { throw LoadError(description: "Redis does not have sale \(sale)") }
            return sum + sold
        }
    }

    /// Stops it as SIGSTOP does: connections stay, nothing is answered.
    public func pause() { program.signal(SIGSTOP) }

    public func resume() { program.signal(SIGCONT) }

    public func stop() { program.stop(SIGKILL) }
}

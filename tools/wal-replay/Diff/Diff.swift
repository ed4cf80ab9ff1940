import ArgumentParser
import CommandLineTool
import Foundation
import Log
import Redis
import TimesaleClient

/// Holds the log against a server that runs on it, or against the copy of its counts in Redis.
struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Compares the log with a live server or its copy in Redis, number by number; exits with 0 if they agree.",
        discussion: """
            With --engine it compares every sale and every policy with all their numbers, and of some users, or all, \
            every order, coupon and transaction, and the balance. Users are taken evenly from all that the log has; \
            what a server has beyond the log is found with these users, and in the numbers of the sales.

            The server goes on meanwhile. So what differs is read again, from the log first and then from the server, \
            until it agrees or differs twice by the same values. What keeps moving is told by itself; it is no \
            difference.

            With --redis or --redis-sentinel it compares what a mirror has written: every sale and policy with the \
            state of the log at the sequence that its key says, the position, and the last entry of the stream. It \
            names what differs, what is missing, keys of what the log does not know, and above all keys that are ahead \
            of the log. A state that has left the log cannot be told; then the exit code is 1 as well.

              wal-replay diff DIR --engine 127.0.0.1:7070 --users all
              wal-replay diff DIR --redis redis://127.0.0.1:6379 --redis-prefix shop:
            """)

    @OptionGroup var argument: DirectoryArgument

    @Option(
        help: ArgumentHelp("The server: HOST:PORT or unix:PATH.", valueName: "address"),
        transform: ServerArguments.address)
    var engine: ClientConfiguration.Address?

    @OptionGroup var redis: RedisOptions

    @Option(help: ArgumentHelp("What stands before each key, as for the server.", valueName: "text"))
    var redisPrefix: String?

    @OptionGroup var server: ServerArguments

    @Option(help: ArgumentHelp("How many users to compare, or all.", valueName: "count|all"))
    var users = UserCount.some(1000)

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if (engine != nil) == redis.isGiven {
            throw ValidationError("say what to compare with: --engine, or --redis or --redis-sentinel; one of them")
        }
        if engine != nil && redisPrefix != nil { throw ValidationError("--redis-prefix is for --redis") }
    }

    func run() async throws {
        let storage = try argument.open()
        if let engine { try await compare(storage, with: engine) } else { try compareMirror(storage) }
    }

    private func compareMirror(_ storage: any LogStorage) throws {
        let place: RedisSettings.Place
        do { place = try redis.place() } catch let failure as Failure { throw ValidationError(failure.message) }
        do {
            let comparison = try MirrorComparison(
                storage, at: place, prefix: redisPrefix ?? "", timeoutMs: UInt64(server.timeout) * 1000,
                nowMs: UInt64(Date().timeIntervalSince1970 * 1000))
            comparison.report(with: place, json: json)
            if !comparison.findings.isEmpty { throw ExitCode.failure }
        } catch let fault as RedisFault {
            throw Refusal("\(fault)")
        }
    }

    private func compare(_ storage: any LogStorage, with engine: ClientConfiguration.Address) async throws {
        let client = try await server.connect(engine)
        do {
            let comparison = try await Comparison(storage, ComparedServer(client: client), users: users)
            report(comparison, engine)
            await client.shutdown()
            if !comparison.differences.isEmpty { throw ExitCode.failure }
        } catch let error as TimesaleError {
            throw Refusal("\(engine): \(error)")
        }
    }

    private func report(_ comparison: Comparison, _ engine: ClientConfiguration.Address) {
        var output = Output()
        defer { output.flush() }
        if json {
            var line = JsonLine()
            line.add("same", comparison.differences.isEmpty)
            line.add("sequence", comparison.sequence)
            line.add("serverSequence", comparison.serverSequence)
            line.add("offers", comparison.offerCount)
            line.add("users", comparison.usersCompared)
            line.add("usersKnown", comparison.usersKnown)
            line.add("items", comparison.itemCount)
            line.add("rounds", comparison.rounds)
            line.raw("differences", JsonLine.array(comparison.differences.map(\.json)))
            line.raw("moving", JsonLine.array(comparison.moving.map(JsonLine.quoted)))
            output.line(line.closed)
            return
        }
        output.line(
            "compared   the log at sequence \(comparison.sequence) with \(engine), whose log was at "
                + "\(comparison.serverSequence)")
        output.line(
            "           \(comparison.offerCount) sales and policies; \(comparison.usersCompared) of "
                + "\(comparison.usersKnown) users with their orders, coupons, transactions and balance: "
                + "\(comparison.itemCount) things in all, in \(comparison.rounds) rounds")
        for difference in comparison.differences { output.line("DIFFERS    \(difference.text("server"))") }
        for item in comparison.moving { output.line("moving     \(item): it changed each time it was read") }
        output.line(comparison.differences.isEmpty ? "ok" : "\(comparison.differences.count) differ")
    }
}

/// How many users are looked at.
enum UserCount: Equatable, ExpressibleByArgument {
    case all
    case some(Int)

    init?(argument: String) {
        if argument == "all" {
            self = .all
        } else if let count = Int(argument), count >= 0 {
            self = .some(count)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .all: "all"
        case .some(let count): "\(count)"
        }
    }

    /// So many of them, evenly.
    func chosen<Element>(of all: [Element]) -> [Element] {
        guard case .some(let count) = self, count < all.count else { return all }
        return (0..<count).map { all[$0 * all.count / count] }
    }
}

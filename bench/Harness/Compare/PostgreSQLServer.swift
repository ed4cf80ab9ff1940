import CLinux
import Foundation
import Generator

/// PostgreSQL with the order as one transaction: a function in the server, called by a prepared statement, so that
/// it costs one round trip.
public struct PostgreSQLContestant: Contestant {
    public let name = "postgresql"
    private let programs: String
    private let settings: ContestSettings

    /// `programs` is the folder of initdb and postgres.
    public init(programs: String, settings: ContestSettings) {
        self.programs = programs
        self.settings = settings
    }

    public func start(_ plan: LoadPlan, terms: SaleTerms) throws -> any ContestantServer {
        try PostgreSQLServer(programs: programs, settings: settings, plan: plan, terms: terms)
    }
}

/// A fresh cluster, all of whose processes run where timesale's shard would.
public final class PostgreSQLServer: ContestantServer {
    private static let user = "shop"
    private static let database = "postgres"

    private let program: ServerProgram
    private let port: UInt16
    private let settings: ContestSettings
    private let wire: PostgreSQLWire

    public init(programs: String, settings: ContestSettings, plan: LoadPlan, terms: SaleTerms) throws {
        self.settings = settings
        wire = PostgreSQLWire(
            sale: terms.sale, user: Self.user, database: Self.database,
            statement: plan.batch == 1 ? PostgreSQLFunctions.callForOne : PostgreSQLFunctions.callForMany,
            isBatch: plan.batch > 1)
        port = try ServerProgram.freePort()
        program = try ServerProgram(settings)
        do {
            // The server refuses to run as root, who is there only in a container or in CI.
            var prefix: [String] = []
            if geteuid() == 0 {
                prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
                try ServerProgram.run("/usr/bin/env", ["chown", "postgres:postgres", program.directory.path])
            }
            let data = program.path("data")
            try ServerProgram.run(
                "/usr/bin/env",
                prefix + [
                    "\(programs)/initdb", "-D", data, "-A", "trust", "-U", Self.user, "--no-sync", "-E", "UTF8",
                    "--locale=C",
                ])
            let options = configuration(connections: plan.connections).flatMap { ["-c", $0] }
            try program.launch(
                "/usr/bin/env", prefix + ["\(programs)/postgres", "-D", data] + options, cpu: settings.serverCPU)
            try program.waitUntilReady {
                _ = try PostgreSQLConnection(self.question, user: Self.user, database: Self.database)
                return true
            }
            try prepare(terms)
        } catch {
            program.stop(SIGQUIT)
            throw error
        }
    }

    /// Durable as it comes, and otherwise set for speed: no checkpoint, no vacuum and no statistics during the load,
    /// and no more in the log than a restart needs.
    private func configuration(connections: Int) -> [String] {
        [
            "port=\(port)", "listen_addresses=127.0.0.1", "unix_socket_directories=\(program.directory.path)",
            "max_connections=\(connections + 16)", "fsync=on", "synchronous_commit=on", "full_page_writes=on",
            "shared_buffers=512MB", "wal_buffers=64MB", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=16GB",
            "min_wal_size=1GB", "checkpoint_timeout=1h", "autovacuum=off", "track_activities=off", "track_counts=off",
            "update_process_title=off", "jit=off", "plan_cache_mode=force_generic_plan", "log_min_messages=warning",
            "huge_pages=try",
        ]
    }

    private var question: LoadPlan.Address { .unix(path: program.path(".s.PGSQL.\(port)")) }

    private func ask(_ statements: String) throws -> [[String]] {
        let connection = try PostgreSQLConnection(question, user: Self.user, database: Self.database)
        return try connection.query(statements)
    }

    private func prepare(_ terms: SaleTerms) throws {
        _ = try ask(PostgreSQLFunctions.schema)
        _ = try ask(
            """
            INSERT INTO sale VALUES (\(terms.sale), \(terms.stock), to_timestamp(\(terms.startsAtMs) / 1000.0), \
            to_timestamp(\(terms.endsAtMs) / 1000.0), \(terms.perUserLimit)); CHECKPOINT
            """)
    }

    public func aim(_ plan: inout LoadPlan) {
        plan.address = settings.isUnix ? question : .tcp(port: port)
        plan.wire = wire
    }

    public var cpuSeconds: Double { program.cpuSeconds }

    public func sold(_ terms: SaleTerms) throws -> Sold {
        let rows = try ask("SELECT available, (SELECT count(*) FROM orders) FROM sale WHERE id = \(terms.sale)")
        guard let row = rows.first, row.count == 2, let available = UInt64(row[0]), let orders = UInt64(row[1]) else {
            throw LoadError(description: "PostgreSQL has lost the sale")
        }
        return Sold(units: terms.stock - available, orders: orders)
    }

    /// Its processes all end on this, its memory is given back.
    public func stop() { program.stop(SIGQUIT) }
}

import Foundation
import TestSupport

/// A PostgreSQL server of a test: in a temporary directory, on a unix socket there, as a user who is not root.
final class Postgres: @unchecked Sendable {
    private let directory = TemporaryDirectory()
    private let server = Process()

    struct Fault: Error { let text: String }

    /// Where Debian keeps the programs of the newest version; nil if there are none.
    private static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        return versions.max().map { "\(root)/\($0)/bin" }
    }()

    /// Debian's python3: packages of its own are those that psycopg2 is installed among.
    static let python = "/usr/bin/python3"

    static let isInstalled = programs != nil && (try? call(python, ["-c", "import psycopg2"])) != nil

    /// How libpq reaches it.
    var dsn: String { "host=\(directory.path) user=shop dbname=postgres" }

    init() throws {
        guard let programs = Self.programs else { throw Fault(text: "no PostgreSQL") }
        let path = directory.path
        // The server refuses to run as root, and is root's only in a container or in CI.
        var prefix: [String] = []
        if geteuid() == 0 {
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            _ = try Self.call("chown", ["postgres:postgres", path])
        }
        let make = [
            "\(programs)/initdb", "-D", "\(path)/data", "-A", "trust", "-U", "shop", "--no-sync", "-E", "UTF8",
            "--locale=C",
        ]
        _ = try Self.call("env", prefix + make)
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments =
            prefix + ["\(programs)/postgres", "-D", "\(path)/data", "-k", path, "-c", "listen_addresses=", "-F"]
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.run()
        let isReady = eventually {
            (try? Self.call("\(programs)/pg_isready", ["-q", "-h", path])) != nil
        } until: { $0 }
        guard isReady == true else { throw Fault(text: "PostgreSQL does not get ready") }
    }

    deinit {
        // At once, without waiting for clients: what it knows is thrown away.
        kill(server.processIdentifier, SIGQUIT)
        server.waitUntilExit()
    }

    /// The rows of a query, fields apart by `|`.
    func rows(_ query: String) throws -> [String] {
        let output = try Self.call(
            "psql", ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", query])
        return output.split(separator: "\n").map(String.init)
    }

    /// Runs a program to its end; throws unless its exit code is 0.
    private static func call(_ name: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Fault(text: "\(name): \(String(decoding: complaints, as: UTF8.self))")
        }
        return String(decoding: text, as: UTF8.self)
    }
}

import CLinux
import Foundation
import Generator

/// A fresh `timesaled` for one measurement: release build, empty data directory, ended and removed
/// afterwards.
final class ServerUnderTest {
    let unixPath: String
    let port: UInt16
    private let process: Process
    private let directory: URL

    struct Settings {
        var executable: String
        var directory: String?
        var shards = 1
        var fsync = "always"
        var orders = 4_000_000
        var users = 1_000_000
        var sales = 100_000
        /// Whether tables have all their memory before the load begins.
        var areTablesResident = true
        /// Log that is made ready before the load begins.
        var logAheadBytes = 0
        /// The CPU of each shard's thread; empty: the scheduler's choice.
        var pin: [Int] = []
    }

    init(_ settings: Settings) throws {
        let parent = settings.directory.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
        directory = parent.appendingPathComponent("timesale-bench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        unixPath = directory.appendingPathComponent("bench.sock").path
        process = Process()
        process.executableURL = URL(fileURLWithPath: settings.executable)
        process.arguments = [
            "--data", directory.appendingPathComponent("data").path, "--listen", "127.0.0.1:0",
            "--listen", "unix:\(unixPath)", "--shards", "\(settings.shards)", "--fsync", settings.fsync,
            "--orders", "\(settings.orders)", "--users", "\(settings.users)", "--sales", "\(settings.sales)",
            "--connections", "20000", "--log-level", "warning", "--log-ahead", "\(settings.logAheadBytes >> 20)MiB",
            "--tables", settings.areTablesResident ? "resident" : "growing",
        ]
        if !settings.pin.isEmpty {
            process.arguments! += ["--pin", settings.pin.map(String.init).joined(separator: ",")]
        }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var text = ""
        while !text.contains("ready\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw LoadError(description: "the server did not start: see above") }
            text += String(decoding: data, as: UTF8.self)
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("listening on 127.0.0.1:") }
        guard let port = line.flatMap({ UInt16($0.dropFirst("listening on 127.0.0.1:".count)) }) else {
            throw LoadError(description: "the server named no port")
        }
        self.port = port
        waitForSpares(settings.logAheadBytes / (64 << 20))
    }

    /// Waits until the log that was asked for is ready: what is measured is orders, not the making of files.
    private func waitForSpares(_ count: Int) {
        let data = directory.appendingPathComponent("data").path
        while true {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: data)) ?? []
            if names.count(where: { $0.hasPrefix("spare-") && $0.hasSuffix(".seg") }) >= count { return }
            usleep(20_000)
        }
    }

    var pid: Int32 { process.processIdentifier }

    /// CPU seconds of the whole process so far.
    func cpuSeconds() -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[end...].split(separator: " ")
        let ticks = (Double(fields[12]) ?? 0) + (Double(fields[13]) ?? 0)
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident bytes now.
    func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)
        else { return 0 }
        return (Int(text.split(separator: " ")[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }
}

import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// The script of the page on operations, on a server that sells: what was acknowledged before it began is in
    /// the copy, and a server starts on it.
    @Suite(.serialized) struct Backups {
        @Test func theScriptsCopyIsWhatAServerStartsOn() throws {
            let server = try ServerProcess(["--shards", "2", "--segment-size", "2MiB", "--log-ahead", "4MiB"])
            let client = try server.client(timeoutMs: 60_000)
            var mint = IdMint(seed: 4)
            let created = CreateSaleEntry.open(1, stock: 100_000_000, operationId: mint.catalogueId())
            #expect(try client.createSale(created).code == .ok)
            var before: [OrderEntry] = []
            for _ in 0..<20 {
                before += mint.orders(100)
                #expect(try client.order(Array(before.suffix(100))).allSatisfy { $0.code == .ok })
            }
            // Orders go on meanwhile.
            let selling = Selling(client: try server.client(timeoutMs: 60_000), mint: IdMint(seed: 5))
            let backups = server.directory.path + "/backups"
            for round in 1...3 {
                let output = try Self.backUp(server, to: backups, keeping: 2)
                #expect(output.contains("ok\n") && output.contains("backed up to \(backups)/"))
                // The directories are named after the second.
                let kept = try FileManager.default.contentsOfDirectory(atPath: backups).count
                #expect(kept >= 1 && kept <= min(round, 2))
                sleep(1)
            }
            let sent = selling.end()
            killAtOnce(server)

            let copy = try #require(FileManager.default.contentsOfDirectory(atPath: backups).max())
            let restored = TemporaryDirectory()
            try FileManager.default.moveItem(atPath: backups + "/" + copy, toPath: restored.path + "/data")
            let other = try ServerProcess(["--shards", "2"], in: restored)
            let asked = try other.client(timeoutMs: 60_000)
            for start in stride(from: 0, to: before.count, by: 1000) {
                let ids = before[start..<start + 1000].map(\.orderId)
                #expect(try asked.getOrder(ids).allSatisfy { $0.code == .ok })
            }
            let sold = try asked.getSale(1).sold
            #expect(sold >= UInt64(before.count) && sold <= UInt64(before.count + sent), "\(sold)")
            // Of what came meanwhile the copy has a beginning: all orders before the last that it has.
            let found = try selling.ids.map { try asked.getOrder($0).code == .ok }
            #expect(found == found.sorted { $0 && !$1 })
            // It goes on, with logs of its own.
            #expect(try asked.order(mint.orders(50)).allSatisfy { $0.code == .ok })
            killAtOnce(other)
            let last = try ServerProcess(["--shards", "2"], in: restored)
            #expect(try last.client().getSale(1).sold == sold + 50)
        }

        @Test func aDirectoryThatIsNotEmptyIsNotWrittenTo() throws {
            let server = try ServerProcess()
            _ = try server.client().snapshot()
            let run = try ToolRun("wal-replay", ["backup", server.dataPath, server.directory.path])
            #expect(run.status == 1 && run.errors.contains("is not empty"), "\(run.errors)")
        }

        private static func backUp(_ server: ServerProcess, to backups: String, keeping count: Int) throws -> String {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
            let tools = URL(fileURLWithPath: try ServerProcess.executablePath("timesale")).deletingLastPathComponent()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                root.path + "/docs/examples/backup.sh", server.dataPath, backups, "--server",
                "127.0.0.1:\(server.port)",
            ]
            process.environment = ["PATH": tools.path + ":/usr/bin:/bin", "KEEP": "\(count)"]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(text)")
            return text
        }
    }
}

/// One client that orders, one at a time, until it is told to end.
private final class Selling: @unchecked Sendable {
    private let client: TestClient
    private var mint: IdMint
    private let finished = DispatchGroup()
    private let isEnding = NSLock()
    /// Of what was sent, in that order. To be read after the end.
    private(set) var ids: [Id128] = []

    init(client: TestClient, mint: IdMint) {
        self.client = client
        self.mint = mint
        isEnding.lock()
        finished.enter()
        Thread.detachNewThread { [self] in
            while !isEnding.try() {
                let order = self.mint.orders(1)
                ids.append(order[0].orderId)
                guard (try? self.client.order(order)) != nil else { break }
            }
            finished.leave()
        }
    }

    /// Answers how many orders were sent.
    func end() -> Int {
        isEnding.unlock()
        finished.wait()
        return ids.count
    }
}

extension IdMint {
    fileprivate mutating func orders(_ count: Int) -> [OrderEntry] {
        // Of one user, so that one log has them in their order.
        let user = Id128(high: 7, low: 4711)
        return (0..<count).map { _ in OrderEntry(orderId: id(user: user), userId: user, saleId: 1, quantity: 1) }
    }
}

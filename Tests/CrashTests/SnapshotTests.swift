import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// Snapshots while orders come in, one after the other, and `kill -9` at any moment of them: while one is written,
    /// renamed, named by the manifest, while segments are archived, used again or removed.
    @Suite(.serialized) struct Snapshots {
        private static let rounds = 10
        /// So many more at most, until enough snapshots were asked for: a slow machine answers few of them.
        private static let roundsMore = 30

        @Test(arguments: [
            (shards: 1, archives: false, seed: UInt64(11)), (shards: 2, archives: false, seed: UInt64(12)),
            (shards: 2, archives: true, seed: UInt64(13)),
        ])
        func killedAtAnyMoment(_ shards: Int, _ archives: Bool, _ seed: UInt64) throws {
            let shop = SnapshotShop(seed: seed, archives: archives)
            for round in 0..<Self.rounds + Self.roundsMore {
                if round >= Self.rounds && shop.snapshotsTried > 3 { break }
                let server = try shop.start(shards: shards)
                if round == 0 { try shop.open(server) }
                try shop.expectEverything(server)
                try shop.orderUntilKilled(server)
                if round % 3 == 0 { try shop.expectVerified() }
            }
            // In the end the number of shards changes, on top of a snapshot.
            let last = try shop.start(shards: 3 - shards)
            try shop.expectEverything(last)
            let digest = try last.client().snapshot().digest
            last.kill(SIGTERM)
            #expect(last.wait() == .exited(0))
            #expect(try LogState.read(shop.directory).digest == String(digest, radix: 16).leftPadded(16))
            // A test that was not under fire has shown nothing.
            #expect(shop.snapshotsTried > 3, "\(shop.report)")
            if archives { #expect(try shop.archived().count >= 2) }
        }

        /// What is kept of the log is bounded, however much is sold: two snapshots, and the log since the older one.
        @Test func theLogStaysShort() throws {
            let shop = SnapshotShop(seed: 5, archives: false)
            let server = try shop.start(shards: 1)
            try shop.open(server)
            let client = try server.client(timeoutMs: 120_000)
            // A frame is a block of its own, 512 of them are a segment.
            for _ in 0..<4 {
                for _ in 0..<600 { try shop.orderOnce(client) }
                #expect(try client.snapshot().code == .ok)
            }
            let left = try eventually(withinMs: 60_000) {
                try shop.segments()
            } until: {
                // 2,400 blocks are nearly five segments; the older snapshot covers three and a half.
                $0.count <= 3
            }
            let segments = try shop.segments()
            #expect(left != nil, "\(segments)")
            try shop.expectEverything(server)
            killAtOnce(server)
            try shop.expectEverything(try shop.start(shards: 1))
        }

        /// Nobody asks: the log has grown by enough.
        @Test func oneIsMadeWhenTheLogHasGrown() throws {
            let shop = SnapshotShop(seed: 6, archives: false)
            let server = try shop.start(shards: 2)
            try shop.open(server)
            let client = try server.client()
            for _ in 0..<300 { try shop.orderOnce(client) }
            let made = try eventually(withinMs: 120_000) {
                try shop.snapshots().count
            } until: {
                $0 > 0
            }
            #expect(made != nil, "\(server.stderr)")
            killAtOnce(server)
            try shop.expectVerified()
            try shop.expectEverything(try shop.start(shards: 2))
        }
    }
}

extension String {
    fileprivate func leftPadded(_ width: Int) -> String { String(repeating: "0", count: width - count) + self }
}

/// A sale that never ends, the frames that were sent to it, and the servers on its data.
private final class SnapshotShop: @unchecked Sendable {
    let directory = TemporaryDirectory()
    private let archives: Bool
    private var mint: IdMint
    private let seed: UInt64
    /// What was sent, one by one; all but the last were answered or sent again.
    private var orders: [OrderEntry] = []
    private var snapshotsAnswered = 0
    private var snapshotsCutShort = 0

    var snapshotsTried: Int { snapshotsAnswered + snapshotsCutShort }

    var report: String {
        "seed \(seed): \(orders.count) orders, snapshots \(snapshotsAnswered), cut short \(snapshotsCutShort)"
    }

    init(seed: UInt64, archives: Bool) {
        self.seed = seed
        self.archives = archives
        mint = IdMint(seed: seed)
    }

    func start(shards: Int) throws -> ServerProcess {
        try ServerProcess(shards: shards, archives: archives, in: directory, ["--orders", "2000000"])
    }

    func open(_ server: ServerProcess) throws {
        let sale = CreateSaleEntry.open(1, stock: 100_000_000, operationId: mint.catalogueId())
        #expect(try server.client().createSale(sale).code == .ok)
    }

    private func nextOrder() -> OrderEntry {
        let user = Id128(high: 7, low: mint.random() % 5000 + 1)
        return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
    }

    func orderOnce(_ client: TestClient) throws {
        orders.append(nextOrder())
        #expect(try client.order([orders[orders.count - 1]])[0].code == .ok, "seed \(seed)")
    }

    /// The order without an answer is sent again; then everything is there, once.
    func expectEverything(_ server: ServerProcess) throws {
        let client = try server.client()
        if let last = orders.last { #expect(try client.order([last])[0].code == .ok, "seed \(seed)") }
        #expect(try client.getSale(1).sold == UInt64(orders.count), "seed \(seed)")
        for start in stride(from: 0, to: orders.count, by: 1000) {
            let views = try client.getOrder(orders[start..<min(start + 1000, orders.count)].map(\.orderId))
            #expect(views.allSatisfy { $0.code == .ok && $0.state == OrderState.confirmed.rawValue }, "seed \(seed)")
        }
    }

    /// One thread orders, one asks for snapshots. After a while of up to half a second, in most rounds when a
    /// snapshot's file has just appeared, the server is killed.
    func orderUntilKilled(_ server: ServerProcess) throws {
        let ordering = Handed(client: try server.client())
        let asking = Handed(client: try server.client(timeoutMs: 120_000))
        let (pauseUs, momentUs) = (UInt32(mint.random() % 400_000 + 100_000), UInt32(mint.random() % 4000))
        let waitsForFile = mint.random() % 4 > 0
        let finished = DispatchGroup()
        let answered = Atomic(0)
        let isKilled = Atomic(false)
        finished.enter()
        Thread.detachNewThread {
            while (try? asking.client.snapshot()) != nil {
                if !isKilled.load(ordering: .sequentiallyConsistent) { answered.add(1, ordering: .relaxed) }
            }
            finished.leave()
        }
        finished.enter()
        Thread.detachNewThread { [self] in
            while (try? orderOnce(ordering.client)) != nil {}
            finished.leave()
        }
        usleep(pauseUs)
        if waitsForFile {
            _ = try eventually(withinMs: 20_000) { try files().contains(where: Self.isBeingMade) } until: { $0 }
            usleep(momentUs)
        }
        isKilled.store(true, ordering: .sequentiallyConsistent)
        server.kill(SIGKILL)
        finished.wait()
        #expect(server.wait() == .killed(signal: SIGKILL), "seed \(seed): \(server.stderr)")
        snapshotsAnswered += answered.load(ordering: .relaxed)
        if try files().contains(where: Self.isBeingMade) { snapshotsCutShort += 1 }
    }

    private static func isBeingMade(_ file: String) -> Bool {
        file.hasPrefix("snapshot-") && file.hasSuffix(".new")
    }

    /// Given to the thread that uses it alone.
    private struct Handed: @unchecked Sendable { let client: TestClient }

    func expectVerified() throws {
        #expect(try run("wal-replay", ["verify", directory.path + "/data"]).contains("ok"))
    }

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path + "/data")
    }

    func snapshots() throws -> [String] { try files().filter { $0.hasSuffix(".snap") } }

    func segments() throws -> [String] { try files().filter { $0.hasPrefix("log-") } }

    func archived() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path + "/archive")
    }
}

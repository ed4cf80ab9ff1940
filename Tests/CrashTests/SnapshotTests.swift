import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// Snapshots while orders come in, one after the other, and `kill -9` at any moment of them: while one is written,
    /// renamed, named by the manifest, while segments are archived, used again or removed.
    @Suite(.serialized) struct Snapshots {
        private static let rounds = 12

        @Test(arguments: [
            (shards: 1, archives: false, seed: UInt64(11)), (shards: 2, archives: false, seed: UInt64(12)),
            (shards: 2, archives: true, seed: UInt64(13)),
        ])
        func killedAtAnyMoment(_ shards: Int, _ archives: Bool, _ seed: UInt64) throws {
            let shop = SnapshotShop(seed: seed, archives: archives)
            for round in 0..<Self.rounds {
                let server = try shop.start(shards: shards)
                if round == 0 { try shop.open(server) }
                try shop.expectEverything(server)
                try shop.orderUntilKilled(server)
                try shop.expectVerified()
            }
            // In the end the number of shards changes, on top of a snapshot.
            let last = try shop.start(shards: 3 - shards)
            try shop.expectEverything(last)
            let digest = try last.client().snapshot().digest
            last.kill(SIGTERM)
            #expect(last.wait() == .exited(0))
            #expect(try LogState.read(shop.directory).digest == String(digest, radix: 16).leftPadded(16))
            // A test that was not under fire has shown nothing.
            #expect(shop.snapshotsAnswered > 5 && shop.snapshotsCutShort > 3, "\(shop.report)")
            if archives { #expect(try shop.archived().count > 3) }
        }

        /// What is kept of the log is bounded, however much is sold.
        @Test func theLogStaysShort() throws {
            let shop = SnapshotShop(seed: 5, archives: false)
            let server = try shop.start(shards: 1)
            try shop.open(server)
            var most = 0
            for _ in 0..<30 {
                try shop.orderOnce(server)
                most = max(most, try shop.segments().count)
            }
            // 30 frames of 4,000 orders are 8 MiB of log: two snapshots a MiB apart, what came meanwhile, one ahead.
            let bounded = try eventually {
                _ = try server.client().ping()
                return try shop.segments().count
            } until: {
                $0 <= 4
            }
            let left = try shop.segments()
            #expect(bounded != nil, "\(left)")
            try shop.expectEverything(server)
            killAtOnce(server)
            try shop.expectEverything(try shop.start(shards: 1))
        }
    }
}

extension String {
    fileprivate func leftPadded(_ width: Int) -> String { String(repeating: "0", count: width - count) + self }
}

/// A sale that never ends, the frames that were sent to it, and the servers on its data.
private final class SnapshotShop: @unchecked Sendable {
    static let framesOf = 4000

    let directory = TemporaryDirectory()
    private let archives: Bool
    private var mint: IdMint
    private let seed: UInt64
    /// What was sent, each frame's ids; all but the last were answered or sent again.
    private var frames: [[OrderEntry]] = []
    private(set) var snapshotsAnswered = 0
    private(set) var snapshotsCutShort = 0

    var report: String { "seed \(seed): \(frames.count) frames, snapshots \(snapshotsAnswered), cut short \(snapshotsCutShort)" }

    init(seed: UInt64, archives: Bool) {
        self.seed = seed
        self.archives = archives
        mint = IdMint(seed: seed)
    }

    func start(shards: Int) throws -> ServerProcess {
        try ServerProcess(
            [
                "--shards", "\(shards)", "--segment-size", "2MiB", "--log-ahead", "4MiB", "--snapshot-after", "1MiB",
                "--users", "100000", "--orders", "2000000",
            ] + (archives ? ["--archive", directory.path + "/archive"] : []), in: directory, readyWithinMs: 60_000)
    }

    func open(_ server: ServerProcess) throws {
        let sale = CreateSaleEntry.open(1, stock: 100_000_000, operationId: mint.catalogueId())
        #expect(try server.client().createSale(sale).code == .ok)
    }

    private func nextFrame() -> [OrderEntry] {
        (0..<Self.framesOf).map { _ in
            let user = Id128(high: 7, low: mint.random() % 50_000 + 1)
            return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
        }
    }

    func orderOnce(_ server: ServerProcess) throws {
        frames.append(nextFrame())
        try expectAccepted(server.client().order(frames[frames.count - 1]))
    }

    private func expectAccepted(_ results: [OrderResult]) {
        #expect(results.allSatisfy { $0.code == .ok }, "seed \(seed)")
    }

    /// The frame without an answer is sent again; then everything is there, once.
    func expectEverything(_ server: ServerProcess) throws {
        let client = try server.client()
        if let last = frames.last { expectAccepted(try client.order(last)) }
        let sale = try client.getSale(1)
        #expect(sale.sold == UInt64(frames.count * Self.framesOf), "seed \(seed)")
        for frame in frames.suffix(3) + frames.prefix(2) {
            let views = try client.getOrder(frame.map(\.orderId))
            #expect(views.allSatisfy { $0.code == .ok && $0.state == OrderState.confirmed.rawValue }, "seed \(seed)")
        }
    }

    /// One thread orders, one asks for snapshots, and after a while of up to half a second the server is killed.
    func orderUntilKilled(_ server: ServerProcess) throws {
        let orders = Handed(client: try server.client())
        let snapshots = Handed(client: try server.client())
        let finished = DispatchGroup()
        let answered = Atomic(0)
        let isKilled = Atomic(false)
        finished.enter()
        Thread.detachNewThread {
            while (try? snapshots.client.snapshot()) != nil {
                if !isKilled.load(ordering: .sequentiallyConsistent) { answered.add(1, ordering: .relaxed) }
            }
            finished.leave()
        }
        finished.enter()
        Thread.detachNewThread { [self] in
            while true {
                frames.append(nextFrame())
                guard let results = try? orders.client.order(frames[frames.count - 1]) else { break }
                expectAccepted(results)
            }
            finished.leave()
        }
        usleep(UInt32(mint.random() % 1_000_000 + 100_000))
        isKilled.store(true, ordering: .sequentiallyConsistent)
        server.kill(SIGKILL)
        finished.wait()
        #expect(server.wait() == .killed(signal: SIGKILL), "seed \(seed): \(server.stderr)")
        snapshotsAnswered += answered.load(ordering: .relaxed)
        if try files().contains(where: { $0.hasPrefix("snapshot-") && $0.hasSuffix(".new") }) { snapshotsCutShort += 1 }
    }

    /// Given to the thread that uses it alone.
    private struct Handed: @unchecked Sendable { let client: TestClient }

    func expectVerified() throws {
        #expect(try run("wal-replay", ["verify", directory.path + "/data"]).contains("ok"))
    }

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path + "/data")
    }

    func segments() throws -> [String] { try files().filter { $0.hasPrefix("log-") } }

    func archived() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path + "/archive")
    }
}

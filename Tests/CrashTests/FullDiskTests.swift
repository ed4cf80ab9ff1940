import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// A disk that fills up under load, a small one of memory. What is new gets `NO_SPACE`, what is open ends, and when
    /// there is room again everything goes on by itself; nothing that was acknowledged is lost.
    ///
    /// Mounting needs the rights of an administrator; without them these tests are not run, and say so.
    @Suite(.serialized, .enabled(if: SmallDisk.isPossible, "no right to mount a file system")) struct FullDisk {
        @Test(arguments: [1, 2]) func newOrdersWaitForRoomAndHoldsEnd(_ shards: Int) throws {
            let disk = try SmallDisk(sizeMiB: 128)
            let server = try disk.start(shards: shards)
            let client = try server.client(timeoutMs: 120_000)
            var mint = IdMint(seed: UInt64(shards))
            for sale in [
                CreateSaleEntry.open(1, stock: 100_000_000, operationId: mint.catalogueId()),
                CreateSaleEntry.open(2, stock: 1000, holdMs: 3_600_000, operationId: mint.catalogueId()),
            ] {
                #expect(try client.createSale(sale).code == .ok)
            }
            let held = (0..<90).map { _ in mint.order(sale: 2) }
            #expect(try client.order(held).allSatisfy { $0.code == .ok })

            // Others fill the disk too.
            try disk.setBalloon(sizeMiB: 60)
            var accepted: [OrderEntry] = []
            var refused: [OrderEntry] = []
            for _ in 0..<2000 {
                let batch = (0..<500).map { _ in mint.order(sale: 1) }
                for (entry, result) in zip(batch, try client.order(batch)) {
                    if result.code == .ok { accepted.append(entry) } else { refused.append(entry) }
                    #expect(result.code == .ok || result.code == .noSpace)
                }
                // A snapshot may make room for some more; in the end what is remembered fills the disk.
                if refused.count > 100_000 { break }
            }
            #expect(refused.count > 1000 && accepted.count > 1000, "\(accepted.count) accepted")
            try disk.setBalloon(sizeMiB: Int(disk.freeBytes >> 20) + 60 - 2)
            let full = try eventually(withinMs: 60_000) { try client.order([mint.order(sale: 1)])[0].code } until: {
                $0 == .noSpace
            }
            #expect(full != nil)
            #expect(server.stderr.contains("the disk is full"), "\(server.stderr)")

            // Whatever is held can end, one by one, each a block of its own.
            for (index, order) in held.enumerated() where index < 60 {
                let ended = try index % 2 == 0 ? client.confirm(order.orderId) : client.cancel(order.orderId)
                #expect(ended.code == .ok, "hold \(index)")
            }
            // Each shard has its own room; a snapshot may have made some for a moment.
            let extended = try eventually(withinMs: 60_000) {
                try client.extend(held[60].orderId, deadlineMs: wallClockMs() + 7_200_000).code
            } until: {
                $0 == .noSpace
            }
            #expect(extended != nil)
            #expect(try client.getOrder(held[0].orderId).state == OrderState.confirmed.rawValue)

            // A kill does not make it worse: what was answered is there, and it starts on the full disk.
            killAtOnce(server)
            let again = try disk.start(shards: shards)
            let other = try again.client(timeoutMs: 120_000)
            #expect(try other.confirm(held[61].orderId).code == .ok)

            try disk.setBalloon(sizeMiB: 0)
            let resumed = try eventually(withinMs: 60_000) {
                try other.order([refused[0]])[0].code
            } until: {
                $0 == .ok
            }
            #expect(resumed != nil, "\(again.stderr)")
            // A shard that sleeps finds out within a second.
            let told = eventually({ again.stderr }) { $0.contains("the disk has room again") }
            #expect(told != nil, "\(again.stderr)")
            #expect(try other.order(Array(refused[1..<500])).allSatisfy { $0.code == .ok })
            accepted += refused[0..<500]

            for start in stride(from: 0, to: accepted.count, by: 1000) {
                let ids = accepted[start..<min(start + 1000, accepted.count)].map(\.orderId)
                #expect(try other.getOrder(ids).allSatisfy { $0.code == .ok })
            }
            let sale = try other.getSale(2)
            #expect(sale.sold == 31 && sale.held == 29)
            again.kill(SIGTERM)
            #expect(again.wait() == .exited(0))
            #expect(try run("wal-replay", ["verify", disk.directory.path + "/data"]).contains("ok"))
        }

        /// A log many times as long as the disk: snapshots are made when room is short, and let it go.
        @Test func aLogThatOutgrowsTheDiskIsLetGo() throws {
            let disk = try SmallDisk(sizeMiB: 64)
            let server = try disk.start(shards: 1)
            let client = try server.client(timeoutMs: 120_000)
            var mint = IdMint(seed: 9)
            let sale = CreateSaleEntry.open(2, stock: 1000, holdMs: 3_600_000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let held = mint.order(sale: 2)
            #expect(try client.order([held])[0].code == .ok)
            // Each is a block of 4 KiB, or two with the mark behind it.
            var deadlineMs = wallClockMs() + 4_000_000
            var extended = 0
            var waits = 0
            while extended < 3 * 64 * 256 {
                deadlineMs += 1
                let code = try client.extend(held.orderId, deadlineMs: deadlineMs).code
                if code == .ok {
                    extended += 1
                    continue
                }
                #expect(code == .noSpace)
                waits += 1
                try #require(waits < 6000, "\(server.stderr)")
                usleep(10_000)
            }
            let log = try FileManager.default.contentsOfDirectory(atPath: disk.directory.path + "/data")
            #expect(log.contains { $0.hasSuffix(".snap") })
            killAtOnce(server)
            let again = try disk.start(shards: 1)
            #expect(try again.client().getOrder(held.orderId).expiresAtMs == deadlineMs)
        }
    }
}

extension IdMint {
    fileprivate mutating func order(sale: UInt64) -> OrderEntry {
        let user = Id128(high: 7, low: random() % 5000 + 1)
        return OrderEntry(orderId: id(user: user), userId: user, saleId: sale, quantity: 1)
    }
}

/// A file system in memory at the place of a data directory.
private final class SmallDisk {
    let directory = TemporaryDirectory()
    private var path: String { directory.path + "/data" }

    /// Whether this process may mount one.
    static let isPossible: Bool = {
        let directory = TemporaryDirectory()
        guard run("/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory.path]) else { return false }
        return run("/bin/umount", [directory.path])
    }()

    init(sizeMiB: Int) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try #require(Self.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(sizeMiB)m", "tmpfs", path]))
    }

    deinit { _ = Self.run("/bin/umount", ["-l", path]) }

    func start(shards: Int) throws -> ServerProcess {
        try ServerProcess(
            [
                "--shards", "\(shards)", "--segment-size", "2MiB", "--log-ahead", "4MiB", "--users", "100000",
                "--orders", "2000000",
            ], in: directory, readyWithinMs: 60_000)
    }

    var freeBytes: UInt64 {
        var status = statvfs()
        precondition(statvfs(path, &status) == 0)
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// A file of somebody else that takes so much room.
    func setBalloon(sizeMiB: Int) throws {
        let balloon = path + "/balloon"
        let file = open(balloon, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        try #require(ftruncate(file, 0) == 0)
        if sizeMiB > 0 { try #require(posix_fallocate(file, 0, off_t(sizeMiB) << 20) == 0) }
    }

    private static func run(_ executable: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

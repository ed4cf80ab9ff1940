import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// Log segments that are kept ready ahead of use: they are made beside the log, taken when it moves on, kept
    /// over stops and kills; and whatever bytes lie in one, the log that uses it is none the worse.
    @Suite(.serialized) struct Spares {
        static let segmentSizeBytes = 2 << 20

        @Test func areMadeAndTaken() throws {
            let shop = try SpareShop(aheadSegments: 3)
            try shop.awaitNextSegment()
            let spares = try #require(shop.awaitSpares(3), "\(shop.server.stderr)")
            for name in spares.keys { try shop.expectZeros(name) }
            // One goes to the log, and its place is filled by a new one.
            try shop.fill { !Set(try shop.segments().values).isDisjoint(with: spares.values) }
            let refilled = shop.awaitSpares(3)
            #expect(refilled.map { !Set($0.values).isSubset(of: spares.values) } == true, "none was made anew")
            try shop.stopInGoodOrder()
            try shop.expectVerified()
        }

        /// The disk is left to the log until the rush is over, or half of them are gone.
        @Test func aRushIsNotDisturbed() throws {
            let shop = try SpareShop(aheadSegments: 8)
            try shop.awaitNextSegment()
            let spares = try #require(shop.awaitSpares(8))
            let begin = ContinuousClock.now
            // Each round asks for less than a segment: one of the two may be taken before the look.
            try shop.fill { Set(try shop.segments().values).intersection(spares.values).count >= 2 }
            let left = try shop.spares()
            guard ContinuousClock.now - begin < .seconds(4) else { return print("skipped: too slow for a rush") }
            #expect(left.count >= 5 && left.count <= 6 && Set(left.values).isSubset(of: spares.values), "\(left)")
            try shop.fill { Set(try shop.segments().values).intersection(spares.values).count >= 5 }
            // The rush is over five seconds after the last that was taken.
            let refilled = try eventually(withinMs: 3000) {
                _ = try shop.client.ping()
                return try shop.spares()
            } until: {
                !Set($0.values).isSubset(of: spares.values)
            }
            #expect(refilled != nil, "half of them are gone, and none is made")
            #expect(shop.awaitSpares(8) != nil, "made up for in the end")
            try shop.stopInGoodOrder()
        }

        /// What was made is there for the next start, as a spare or as a segment of the log.
        @Test(arguments: [SIGTERM, SIGKILL]) func surviveTheirServer(_ signal: Int32) throws {
            let shop = try SpareShop(aheadSegments: 3)
            for _ in 0..<3 {
                try shop.awaitNextSegment()
                let spares = try #require(shop.awaitSpares(3))
                try shop.order(20)
                shop.server.kill(signal)
                #expect(shop.server.wait() == (signal == SIGTERM ? .exited(0) : .killed(signal: SIGKILL)))
                #expect(try shop.spares() == spares, "a server that stops touches none")
                try shop.restart(aheadSegments: 3)
                let there = Set(try shop.spares().values).union(try shop.segments().values)
                #expect(there.isSuperset(of: spares.values), "some were made again")
                try shop.expectEverything()
            }
            try shop.stopInGoodOrder()
        }

        /// Fewer than before, none, and those that have not the length of a segment.
        @Test func thoseThatAreNotWantedGo() throws {
            let shop = try SpareShop(aheadSegments: 4)
            #expect(shop.awaitSpares(4) != nil)
            try shop.restart(aheadSegments: 1)
            #expect(shop.awaitSpares(1) != nil)
            try shop.stopInGoodOrder()
            let wrong = [101: Self.segmentSizeBytes / 2, 102: Self.segmentSizeBytes + 4096, 103: 0]
            for (number, size) in wrong { try shop.write(SpareShop.spare(number), Data(count: size)) }
            #expect(try shop.spares().count >= 3)
            try shop.start(aheadSegments: 2)
            let left = try eventually {
                _ = try shop.client.ping()
                return try shop.spareFiles().keys.count { wrong.keys.map(SpareShop.spare).contains($0) }
            } until: {
                $0 == 0
            }
            #expect(left != nil, "those of another length are still there")
            let spares = try #require(shop.awaitSpares(2))
            for name in spares.keys { #expect(try shop.sizeBytes(name) == Self.segmentSizeBytes) }
            try shop.restart(aheadSegments: 0)
            #expect(shop.awaitSpares(0) != nil)
            try shop.expectEverything()
            try shop.stopInGoodOrder()
        }

        @Test func noneAreWanted() throws {
            let shop = try SpareShop(aheadSegments: 0)
            let first = try shop.segments()
            var most = 0
            // The log moves on twice by segments that are made when they are needed.
            try shop.fill {
                most = max(most, try shop.spareFiles().count)
                return try shop.segments().count >= first.count + 2
            }
            #expect(most == 0)
            try shop.stopInGoodOrder()
            #expect(try shop.spareFiles().isEmpty)
            try shop.expectVerified()
        }

        /// A kill leaves one that was being made.
        @Test func aHalfMadeOneGoes() throws {
            let shop = try SpareShop(aheadSegments: 0)
            try shop.stopInGoodOrder()
            let name = SpareShop.spare(9) + ".new"
            try shop.write(name, Data(repeating: 0xa5, count: 70_000))
            try shop.expectVerified()
            try shop.start(aheadSegments: 0)
            #expect(try !shop.files().keys.contains(name))
            #expect(shop.server.stderr.contains(name), "it says what it removes")
            try shop.stopInGoodOrder()
        }

        /// A spare may hold anything: the earlier life of a file, blocks of this very log among it. Each round
        /// fills all spares with such bytes, lets the log run into them, and kills the server at some order.
        @Test(arguments: [UInt64(1), 2]) func oldBlocksAreNoPartOfTheLog(_ seed: UInt64) throws {
            var mint = IdMint(seed: seed)
            let shop = try SpareShop(aheadSegments: 3, seed: seed)
            try shop.fill { try shop.segments().count >= 3 }
            #expect(shop.awaitSpares(3) != nil)
            try shop.stopInGoodOrder()
            for round in 0..<6 {
                let stale = try shop.spoilSpares(&mint)
                let before = try shop.expectVerified()
                #expect(before.contains("ok"), "spares are no part of what is verified")
                try shop.start(aheadSegments: 3)
                try shop.expectEverything()
                try shop.fill { !Set(try shop.segments().values).isDisjoint(with: stale) }
                // From here on the next block may be the first in a spoiled segment.
                try shop.fillUntilTaken(stale)
                try shop.order(Int(mint.random() % 40 + 1))
                killAtOnce(shop.server)
                _ = try shop.expectVerified("seed \(seed), round \(round)")
            }
            try shop.start(aheadSegments: 3)
            try shop.expectEverything()
            try shop.stopInGoodOrder()
        }

        /// No room for spares: that is said, and the log goes on with what it has; nor does a stop wait for the
        /// next try.
        @Test func aFullDiskOnlyWarns() throws {
            let directory = TemporaryDirectory()
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            guard mount("none", directory.path + "/data", "tmpfs", 0, "size=48m") == 0 else {
                print("skipped: no full disk without the right to mount: \(String(cString: strerror(errno)))")
                return
            }
            defer { umount2(directory.path + "/data", Int32(MNT_DETACH)) }
            let shop = try SpareShop(aheadSegments: 32, in: directory)
            let warning = eventually({ shop.server.stderr }) { $0.contains("no room for more spare log segments") }
            #expect(warning != nil, "\(shop.server.stderr)")
            let spares = try shop.spares()
            #expect(spares.count >= 12 && spares.count < 24)
            #expect(try shop.spareFiles().keys.allSatisfy { $0.hasSuffix(".seg") }, "the half made one is gone")
            try shop.fill { !Set(try shop.segments().values).isDisjoint(with: spares.values) }
            try shop.order(20)
            try shop.expectEverything()
            try shop.stopInGoodOrder()
            try shop.expectVerified()
        }
    }
}

/// A server with one sale, its data directory, and the orders that it has acknowledged.
private final class SpareShop {
    private(set) var server: ServerProcess
    private let directory: TemporaryDirectory
    private(set) var client: TestClient
    private var mint: IdMint
    private var placed: [Id128] = []
    private let users: [Id128]

    init(aheadSegments: Int, in directory: TemporaryDirectory = TemporaryDirectory(), seed: UInt64 = 1) throws {
        self.directory = directory
        mint = IdMint(seed: seed)
        users = (0..<100).map { [mint] number in
            var mint = mint
            return Id128(high: mint.random(), low: UInt64(number + 1))
        }
        server = try Self.server(aheadSegments, directory)
        client = try server.client()
        let sale = CreateSaleEntry.open(1, stock: 10_000_000, operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok)
    }

    static func spare(_ number: Int) -> String {
        let digits = "\(number)"
        return "spare-\(String(repeating: "0", count: 10 - digits.count))\(digits).seg"
    }

    // MARK: Life

    private static func server(_ aheadSegments: Int, _ directory: TemporaryDirectory) throws -> ServerProcess {
        try ServerProcess(
            [
                "--segment-size", "2MiB", "--log-ahead", "\(2048 * aheadSegments)KiB", "--users", "1000",
                "--orders", "200000", "--grace", "0ms",
            ], in: directory)
    }

    func start(aheadSegments: Int) throws {
        server = try Self.server(aheadSegments, directory)
        client = try server.client()
    }

    func stopInGoodOrder() throws {
        server.kill(SIGTERM)
        #expect(server.wait() == .exited(0), "\(server.stderr)")
    }

    func restart(aheadSegments: Int) throws {
        if server.wait(timeoutMs: 0) == nil { try stopInGoodOrder() }
        try start(aheadSegments: aheadSegments)
    }

    // MARK: Orders

    /// Orders one after the other: each is a block of its own.
    func order(_ count: Int) throws {
        for _ in 0..<count {
            let user = users[placed.count % users.count]
            let id = mint.id(user: user)
            #expect(try client.order(id, user: user, sale: 1).code == .ok)
            placed.append(id)
        }
    }

    /// Orders until something has happened to the log.
    func fill(until isDone: () throws -> Bool) throws {
        for _ in 0..<300 {
            if try isDone() { return }
            try order(20)
        }
        Issue.record("6000 blocks, and the log has not come to it: \(server.stderr)")
    }

    /// Orders until a segment of these is the one that is written: something has changed in it.
    func fillUntilTaken(_ inodes: Set<UInt64>) throws {
        var changedMs: [UInt64: Date] = [:]
        try fill {
            for (name, inode) in try segments() where inodes.contains(inode) {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(server.dataPath)/\(name)")
                let date = try #require(attributes[.modificationDate] as? Date)
                if let before = changedMs[inode], before != date { return true }
                changedMs[inode] = date
            }
            return false
        }
    }

    /// Every order that was acknowledged is there, and no other.
    func expectEverything() throws {
        for start in stride(from: 0, to: placed.count, by: 5000) {
            let ids = Array(placed[start..<min(start + 5000, placed.count)])
            let views = try client.getOrder(ids)
            #expect(views.allSatisfy { $0.code == .ok && $0.state == OrderState.confirmed.rawValue })
        }
        #expect(try client.getSale(1).sold == UInt64(placed.count))
    }

    // MARK: Files

    /// All files and their inodes.
    func files() throws -> [String: UInt64] {
        var files: [String: UInt64] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: server.dataPath) {
            var status = stat()
            // It may have got another name since.
            if stat("\(server.dataPath)/\(name)", &status) == 0 { files[name] = UInt64(status.st_ino) }
        }
        return files
    }

    func spareFiles() throws -> [String: UInt64] { try files().filter { $0.key.hasPrefix("spare-") } }
    func spares() throws -> [String: UInt64] { try spareFiles().filter { $0.key.hasSuffix(".seg") } }
    func segments() throws -> [String: UInt64] {
        try files().filter { $0.key.hasPrefix("log-") && $0.key.hasSuffix(".seg") }
    }

    /// Waits until the log, still in its first segment, has its second: it may be made of a spare, and once it is
    /// there none is taken any more.
    func awaitNextSegment() throws {
        let count = try eventually {
            _ = try client.ping()
            return try segments().count
        } until: {
            $0 == 2
        }
        #expect(count != nil, "\(server.stderr)")
    }

    /// Waits until there are exactly so many, and no half-made one.
    func awaitSpares(_ count: Int) -> [String: UInt64]? {
        let found = try? eventually {
            _ = try client.ping()
            return try spareFiles()
        } until: { files in
            files.count == count && files.keys.allSatisfy { $0.hasSuffix(".seg") }
        }
        return found ?? nil
    }

    func sizeBytes(_ name: String) throws -> Int { try read(name).count }

    private func read(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(server.dataPath)/\(name)"))
    }

    func write(_ name: String, _ data: Data) throws {
        let path = "\(server.dataPath)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else {
            return try data.write(to: URL(fileURLWithPath: path))
        }
        // In place, so that the file stays the one it is.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.write(contentsOf: data)
        try handle.close()
    }

    func expectZeros(_ name: String) throws {
        #expect(try read(name) == Data(count: CrashTests.Spares.segmentSizeBytes), "\(name)")
    }

    /// Fills each spare with a copy of a segment of the log, with noise, or with blocks between noise. Answers
    /// their inodes.
    func spoilSpares(_ mint: inout IdMint) throws -> Set<UInt64> {
        let names = try segments().keys.sorted()
        let spares = try spares()
        for name in spares.keys.sorted() {
            var data = try read(names[Int(mint.random() % UInt64(names.count))])
            switch mint.random() % 3 {
            case 0: break
            case 1:
                let noise = (0..<4096).map { _ in UInt8(truncatingIfNeeded: mint.random()) }
                data = Data(Array(repeating: noise, count: data.count / noise.count).joined())
            default:
                for start in stride(from: 0, to: data.count, by: 3 * 4096) {
                    data[start] = UInt8(truncatingIfNeeded: mint.random())
                }
            }
            try write(name, data)
        }
        #expect(!spares.isEmpty)
        return Set(spares.values)
    }

    /// Asks another program, while no server runs.
    @discardableResult
    func expectVerified(_ context: String = "") throws -> String {
        let text = try run("wal-replay", ["verify", server.dataPath])
        #expect(text.split(separator: "\n").last == "ok", "\(context)\n\(text)")
        return text
    }
}

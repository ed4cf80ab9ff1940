import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// Ids are remembered for a second, and the server is killed while it lets go of what is older: what was
    /// acknowledged and is younger is there, what has left works no second time, and nothing that counts has changed.
    /// With an archive, it and the directory together hold every event since the first.
    @Suite(.serialized) struct Forgetting {
        private static let rounds = 6
        /// So many more at most, until the server was killed while it forgot and enough is in the archive: that depends
        /// on the machine.
        private static let roundsMore = 30

        @Test(arguments: [
            (shards: 1, archives: false, seed: UInt64(21)), (shards: 2, archives: false, seed: UInt64(22)),
            (shards: 2, archives: true, seed: UInt64(23)),
        ])
        func killedAtAnyMoment(_ shards: Int, _ archives: Bool, _ seed: UInt64) throws {
            let shop = ForgetfulShop(seed: seed, archives: archives)
            for round in 0..<Self.rounds + Self.roundsMore {
                let isDone = try shop.killsAmidForgetting > 0 && (!archives || shop.archived().count >= 2)
                if round >= Self.rounds && isDone { break }
                // A change of shards leaves logs behind that are history as well.
                let server = try shop.start(shards: archives && round % 4 == 3 ? 3 - shards : shards)
                if round == 0 { try shop.open(server) }
                try shop.expectEverything(server)
                try shop.sellUntilKilled(server)
                if round % 3 == 0 { try shop.expectVerified() }
                if archives { try shop.expectHistory() }
            }
            let last = try shop.start(shards: shards)
            try shop.expectEverything(last)
            try shop.expectForgotten(last)
            killAtOnce(last)
            try shop.expectVerified()
            let again = try shop.start(shards: shards)
            try shop.expectEverything(again)
            try shop.expectForgotten(again)
            again.kill(SIGTERM)
            #expect(again.wait() == .exited(0))
            // A test that was not under fire has shown nothing.
            #expect(shop.forgottenSeen > 0 && shop.killsAmidForgetting > 0, "\(shop.report)")
            if archives {
                try shop.expectHistory()
                #expect(try shop.archived().count >= 2)
            }
        }
    }
}

/// A sale that never ends and one after the other that soon do, what was sent to them, and the servers on their data.
private final class ForgetfulShop: @unchecked Sendable {
    private static let retainMs: UInt64 = 1000
    private static let endlessSale: UInt64 = 1
    /// The clocks of two processes are not the same to the millisecond.
    private static let clockSlackMs: UInt64 = 100

    private struct ShortSale {
        var id: UInt64
        var endsAtMs: UInt64
        var orders: [OrderEntry] = []
        /// Sent in a frame that no answer came for.
        var unanswered: [OrderEntry] = []
    }

    let directory = TemporaryDirectory()
    private let archives: Bool
    private let seed: UInt64
    private var mint: IdMint
    private var orders: [OrderEntry] = []
    private var unanswered: [OrderEntry] = []
    private var shortSales: [ShortSale] = []
    /// Those who have earned ten points and used four.
    private var users: [Id128] = []
    private(set) var forgottenSeen = 0
    /// Kills that were decided on when some orders had left memory, and others that had to leave were still there.
    private(set) var killsAmidForgetting = 0

    var report: String {
        "seed \(seed): \(forgottenSeen) orders seen to be forgotten, \(killsAmidForgetting) kills amid forgetting"
    }

    init(seed: UInt64, archives: Bool) {
        self.seed = seed
        self.archives = archives
        mint = IdMint(seed: seed)
    }

    func start(shards: Int) throws -> ServerProcess {
        try ServerProcess(
            shards: shards, archives: archives, in: directory,
            ["--orders", "1000000", "--retain", "\(Self.retainMs)ms"])
    }

    func open(_ server: ServerProcess) throws {
        let sale = CreateSaleEntry.open(Self.endlessSale, stock: 100_000_000, operationId: mint.catalogueId())
        #expect(try server.client().createSale(sale).code == .ok)
    }

    // MARK: Selling

    private func newOrder(_ saleId: UInt64) -> OrderEntry {
        let user = Id128(high: 7, low: mint.random() % 3000 + 1)
        return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: saleId, quantity: 1)
    }

    /// Sells what soon ends and what does not, and kills the server when the first of these leaves memory, or at any
    /// moment around that.
    func sellUntilKilled(_ server: ServerProcess) throws {
        let client = try server.client()
        let user = mint.user()
        #expect(try client.earn(mint.id(user: user), user: user, 10).code == .ok, "seed \(seed)")
        #expect(try client.use(mint.id(user: user), user: user, 4).code == .ok, "seed \(seed)")
        users.append(user)
        let endsAtMs = wallClockMs() + 600
        let saleId = UInt64(shortSales.count + 10)
        let sale = CreateSaleEntry.open(
            saleId, stock: 100_000_000, endsAtMs: endsAtMs, operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok, "seed \(seed)")
        shortSales.append(ShortSale(id: saleId, endsAtMs: endsAtMs))

        let waits = mint.random() % 3 > 0
        let momentUs = UInt32(mint.random() % 20_000)
        let killAtMs = endsAtMs + Self.retainMs + mint.random() % 1500
        let watch = Handed(client: try server.client())
        // Orders that were remembered when some had left, at the last look; 0: none had.
        let left = Atomic<UInt64>(0)
        let finished = DispatchGroup()
        finished.enter()
        Thread.detachNewThread {
            while true {
                guard let stats = try? watch.client.stats() else { break }
                let isForgetting = stats.contains { $0.ordersRetired > 0 }
                if isForgetting { left.store(stats.reduce(0) { $0 + $1.ordersRemembered }, ordering: .relaxed) }
                if waits ? isForgetting : wallClockMs() >= killAtMs { break }
                usleep(200)
            }
            usleep(momentUs)
            server.kill(SIGKILL)
            finished.leave()
        }
        while (try? sellOnce(client)) != nil {}
        finished.wait()
        #expect(server.wait() == .killed(signal: SIGKILL), "seed \(seed): \(server.stderr)")
        // Of the sale that never ends there were no more than these.
        if left.load(ordering: .relaxed) > UInt64(orders.count + unanswered.count) { killsAmidForgetting += 1 }
    }

    /// A frame to each sale.
    private func sellOnce(_ client: TestClient) throws {
        let place = shortSales.count - 1
        if wallClockMs() < shortSales[place].endsAtMs {
            shortSales[place].unanswered = (0..<400).map { _ in newOrder(shortSales[place].id) }
            let codes = try client.order(shortSales[place].unanswered).map(\.code)
            for (order, code) in zip(shortSales[place].unanswered, codes) {
                #expect(code == .ok || code == .ended, "seed \(seed)")
                if code == .ok { shortSales[place].orders.append(order) }
            }
            shortSales[place].unanswered = []
        }
        unanswered = (0..<10).map { _ in newOrder(Self.endlessSale) }
        #expect(try client.order(unanswered).allSatisfy { $0.code == .ok }, "seed \(seed)")
        orders += unanswered
        unanswered = []
    }

    /// Given to the thread that uses it alone.
    private struct Handed: @unchecked Sendable { let client: TestClient }

    // MARK: What must be there

    func expectEverything(_ server: ServerProcess) throws {
        let client = try server.client()
        // What was not answered is sent again. By now it may be too old for that, if it is not there.
        if !unanswered.isEmpty {
            for (order, result) in zip(unanswered, try client.order(unanswered)) {
                #expect(result.code == .ok || result.code == .idTooOld, "seed \(seed): \(result)")
                if result.code == .ok { orders.append(order) }
            }
            unanswered = []
        }
        #expect(try client.getSale(Self.endlessSale).sold == UInt64(orders.count), "seed \(seed)")
        for views in try get(orders, client) {
            #expect(views.code == .ok && views.state == OrderState.confirmed.rawValue, "seed \(seed): \(views)")
        }
        for user in users { #expect(try client.getBalance(user).balance == 6, "seed \(seed)") }
        for place in shortSales.indices { try expectShortSale(place, client) }
    }

    private func expectShortSale(_ place: Int, _ client: TestClient) throws {
        let sale = shortSales[place]
        let views = try get(sale.orders, client)
        func isOld() -> Bool { wallClockMs() + Self.clockSlackMs > sale.endsAtMs + Self.retainMs }
        let forgotten = zip(sale.orders, views).filter { $1.code == .notFound }.map(\.0)
        for view in views where view.code != .notFound {
            #expect(view.code == .ok && view.state == OrderState.confirmed.rawValue, "seed \(seed): \(view)")
        }
        forgottenSeen += forgotten.count
        #expect(forgotten.isEmpty || isOld(), "seed \(seed): \(forgotten.count) orders are forgotten too early")
        // Nothing works a second time.
        let again = Array(forgotten.prefix(300))
        if !again.isEmpty {
            #expect(try client.order(again).allSatisfy { $0.code == .idTooOld }, "seed \(seed)")
            #expect(try client.cancel(again.map(\.orderId)).allSatisfy { $0.code == .idTooOld }, "seed \(seed)")
        }
        let shown = try client.getSale(sale.id)
        if shown.code == .notFound {
            #expect(isOld(), "seed \(seed): sale \(sale.id) is forgotten too early")
            #expect(try get(sale.orders, client).allSatisfy { $0.code == .notFound }, "seed \(seed)")
        } else {
            let (least, most) = (sale.orders.count, sale.orders.count + sale.unanswered.count)
            #expect(shown.code == .ok && (least...most).contains(Int(shown.sold)), "seed \(seed): \(shown)")
        }
    }

    private func get(_ orders: [OrderEntry], _ client: TestClient) throws -> [OrderViewResult] {
        try stride(from: 0, to: orders.count, by: 4000).flatMap { start in
            try client.getOrder(orders[start..<min(start + 4000, orders.count)].map(\.orderId))
        }
    }

    /// In the end everything that is over leaves, and all else stays.
    func expectForgotten(_ server: ServerProcess) throws {
        let client = try server.client()
        let left = try eventually(withinMs: 60_000) {
            try shortSales.filter { try client.getSale($0.id).code != .notFound }.count
        } until: {
            $0 == 0
        }
        #expect(left == 0, "seed \(seed): \(server.stderr)")
        let known = try eventually(withinMs: 60_000) {
            try client.stats().reduce(0) { $0 + Int($1.ordersRemembered) }
        } until: {
            $0 == orders.count
        }
        #expect(known == orders.count, "seed \(seed)")
        for sale in shortSales {
            let again = CreateSaleEntry.open(sale.id, stock: 1, operationId: mint.catalogueId())
            #expect(try client.createSale(again).code == .alreadyExists, "seed \(seed)")
        }
    }

    func expectVerified() throws {
        #expect(try run("wal-replay", ["verify", directory.path + "/data"]).contains("ok"))
    }

    // MARK: History

    func archived() throws -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory.path + "/archive")) ?? []
    }

    /// Archive and directory together: every log from its first event on, without a gap, with every order in it that
    /// was accepted.
    func expectHistory() throws {
        var history = LogHistory()
        for folder in ["archive", "data"] { try history.read(directory.path + "/" + folder) }
        let placed = try history.ordersPlaced()
        let missing = (orders + shortSales.flatMap(\.orders)).filter { !placed.contains($0.orderId) }
        #expect(missing.isEmpty, "seed \(seed): the history lacks \(missing.count) orders")
    }
}

/// Log files of several folders, read as docs/log-format.md describes them and by none of the server's code.
private struct LogHistory {
    /// By log and number.
    private var segments: [UInt64: [UInt64: Data]] = [:]

    /// What stands in two places is the same.
    mutating func read(_ folder: String) throws {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return }
        for name in names where name.hasPrefix("log-") && name.hasSuffix(".seg") {
            let parts = name.dropFirst(4).dropLast(4).split(separator: "-").compactMap { UInt64($0) }
            let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            if let other = segments[parts[0]]?[parts[1]] { #expect(other == bytes, "\(name) differs") }
            segments[parts[0], default: [:]][parts[1]] = bytes
        }
    }

    /// The ids in all events of kind 1, if no log has a gap.
    func ordersPlaced() throws -> Set<Id128> {
        var placed: Set<Id128> = []
        #expect(segments.keys.sorted() == Array(1...UInt64(segments.count)), "a log is missing")
        for (log, segments) in segments {
            #expect(segments.keys.sorted() == Array(1...UInt64(segments.count)), "a segment of log \(log) is missing")
            var nextLsn: UInt64 = 1
            for number in segments.keys.sorted() {
                let isLast = number == UInt64(segments.count)
                segments[number]!.withUnsafeBytes { Self.read($0, log, number, isLast: isLast, &nextLsn, &placed) }
            }
        }
        return placed
    }

    private static func read(
        _ segment: UnsafeRawBufferPointer, _ log: UInt64, _ number: UInt64, isLast: Bool,
        _ nextLsn: inout UInt64, _ placed: inout Set<Id128>
    ) {
        guard let base = segment.baseAddress else { return }
        var offset = 0
        while offset + 4096 <= segment.count {
            let block = base + offset
            guard block.loadLE(0, as: UInt32.self) == 0x4b42_5354, block.loadLE(40, as: UInt64.self) == log,
                block.loadLE(48, as: UInt64.self) == number
            else { return }
            let firstLsn: UInt64 = block.loadLE(56)
            let count: UInt32 = block.loadLE(64)
            if firstLsn != nextLsn {
                // Of two blocks under way the kill may have let through the second alone.
                #expect(isLast, "segment \(number) of log \(log) goes on with LSN \(firstLsn), not \(nextLsn)")
                return
            }
            let end = block + min(Int(block.loadLE(16, as: UInt32.self)), segment.count - offset)
            var event = block + 112
            var left = Int(count)
            while left > 0, event + 32 <= end {
                let size = Int(event.loadLE(2, as: UInt16.self))
                let isOrder = event.loadLE(0, as: UInt8.self) == 1
                // Short orders have two ids each, behind their first eight bytes.
                let places = isOrder && size != 64 ? Array(stride(from: 8, to: size, by: 32)) : [16]
                if isOrder { for place in places { placed.insert(event.loadId(place)) } }
                event += size
                left -= places.count
            }
            nextLsn = firstLsn + UInt64(count)
            offset += Int(block.loadLE(16, as: UInt32.self))
        }
    }
}

import Glibc
import Protocol
import TestSupport
import Testing

/// A server with something of everything that a log can hold, and the ids of what the tests ask for.
final class Shop {
    static let sale: UInt64 = 7
    static let heldSale: UInt64 = 8
    static let policy: UInt64 = 70
    static let scarceSale: UInt64 = 9

    let directory: TemporaryDirectory
    private(set) var server: ServerProcess
    private(set) var client: TestClient
    private var mint: IdMint
    let user: Id128
    let other: Id128

    private(set) var confirmed: Id128 = .zero
    private(set) var cancelled: Id128 = .zero
    private(set) var checkout: Id128 = .zero
    private(set) var coupon: Id128 = .zero
    private(set) var earning: Id128 = .zero

    init(shards: Int, seed: UInt64 = 1, _ arguments: [String] = []) throws {
        directory = TemporaryDirectory()
        server = try Self.start(in: directory, shards: shards, arguments)
        client = try server.client(timeoutMs: 120_000)
        mint = IdMint(seed: seed)
        user = mint.user(shard: 0, of: shards)
        other = mint.user(shard: shards - 1, of: shards)
    }

    static func start(
        in directory: TemporaryDirectory, shards: Int, _ arguments: [String] = []
    ) throws -> ServerProcess {
        try ServerProcess(
            [
                "--shards", "\(shards)", "--segment-size", "2MiB", "--log-ahead", "2MiB", "--users", "10000",
                "--orders", "20000", "--grace", "0ms",
            ] + arguments, in: directory, readyWithinMs: 120_000)
    }

    /// Starts it again when it has ended.
    func restart(shards: Int, _ arguments: [String] = []) throws {
        server = try Self.start(in: directory, shards: shards, arguments)
        client = try server.client(timeoutMs: 120_000)
    }

    var dataPath: String { directory.path + "/data" }

    /// Sales, a policy, an order of each fate, coupons, points, a checkout.
    func openAndSell() throws {
        #expect(
            try client.createSale(.open(Self.sale, stock: 100_000, operationId: mint.catalogueId())).code == .ok)
        #expect(
            try client.createSale(
                .open(Self.heldSale, stock: 1000, holdMs: 600_000, operationId: mint.catalogueId())
            ).code == .ok)
        #expect(
            try client.createPolicy(.open(Self.policy, quantity: 100, operationId: mint.catalogueId())).code == .ok)
        confirmed = try place(user, Self.heldSale)
        #expect(try client.confirm(confirmed).code == .ok)
        cancelled = try place(other, Self.heldSale)
        #expect(try client.cancel(cancelled).code == .ok)
        earning = mint.id(user: user)
        #expect(try client.earn(earning, user: user, 500).code == .ok)
        #expect(try client.use(mint.id(user: user), user: user, 50).code == .ok)
        coupon = mint.id(user: user)
        #expect(try client.issue(coupon, user: user, policy: Self.policy).code == .ok)
        checkout = mint.id(user: user)
        var entry = PlaceCheckoutEntry(
            checkoutId: checkout, userId: user, couponId: coupon, usePoints: 10, earnPoints: 5, lineCount: 2,
            lines: CheckoutLines())
        entry.lines[0] = CheckoutLine(saleId: Self.sale, quantity: 2)
        entry.lines[1] = CheckoutLine(saleId: Self.heldSale, quantity: 1)
        let placed: [CheckoutResult] = try client.call(.placeCheckout, [entry])
        #expect(placed[0].code == .ok)
        let ended: [CheckoutResult] = try client.call(.confirmCheckout, [CheckoutIdEntry(checkoutId: checkout)])
        #expect(ended[0].code == .ok)
    }

    @discardableResult
    func place(_ user: Id128, _ sale: UInt64, quantity: UInt32 = 1) throws -> Id128 {
        let id = mint.id(user: user)
        #expect(try client.order(id, user: user, sale: sale, quantity: quantity).code == .ok)
        return id
    }

    /// So many orders of one unit, a frame and so a block each, by users of all shards.
    func sell(_ count: Int) throws {
        for _ in 0..<count { try place(mint.user(), Self.sale) }
    }

    func snapshot() throws -> SnapshotResult {
        do {
            let result = try client.snapshot()
            #expect(result.code == .ok)
            return result
        } catch {
            Issue.record("no snapshot: \(error); \(server.stderr)")
            throw error
        }
    }

    /// Ends the server in peace.
    func close() {
        server.kill(SIGTERM)
        #expect(server.wait(timeoutMs: 60_000) == .exited(0), "\(server.stderr)")
    }
}

extension IdMint {
    /// An id of a user's that nobody else has.
    static func random(_ user: Id128) -> Id128 {
        var mint = IdMint(seed: .random(in: 0 ... .max))
        return mint.id(user: user)
    }
}

import Protocol
import Testing

@testable import Engine

/// A checkout after a restart: remembered as it was accepted, on any number of shards, from the log and from a
/// snapshot; and logs that say what cannot have happened are refused.
@Suite struct CheckoutReplayTests {
    private let alice = user(1)

    private func shop() -> Cluster {
        let cluster = Cluster(shards: 2)
        for sale in 1...3 as ClosedRange<UInt64> { cluster.sell(sale, stock: 10, limit: sale == 2 ? 5 : 0) }
        cluster.offer(5, quantity: 9, limit: 0)
        _ = cluster.earn(alice, 1000)
        return cluster
    }

    static let ways: [@Sendable (Cluster) throws -> Cluster] = [
        { try $0.replayed(shards: 1) }, { try $0.replayed(shards: 3) }, { try $0.rebuilt(shards: 1) },
        { try $0.rebuilt(shards: 3) }, { try $0.rebuilt(shards: 2).rebuilt(shards: 4) },
    ]

    /// In each of its states: the same answer to a repeat and the same refusal of another content, and everything
    /// that can still happen to it happens as it would have.
    @Test(arguments: [OrderState.held, .confirmed, .expired, .cancelled], ways.indices)
    func isRemembered(state: OrderState, way: Int) throws {
        let past = shop()
        let coupon = past.claim(alice, 5)
        let entry = past.entry(alice, [(3, 2), (1, 1), (2, 2), (1, 1)], coupon: coupon, use: 200, earn: 29)
        #expect(past.checkout(entry).result.code == .ok)
        let id = entry.checkoutId
        switch state {
        case .held: break
        case .confirmed: _ = past.confirmCheckout(id)
        case .expired: past.advance(byMs: 60_000)
        case .cancelled: _ = past.cancelCheckout(id)
        }
        // Another use of a coupon that an expired or a cancelled one gave back.
        if state == .expired || state == .cancelled {
            _ = past.use(alice, coupon: coupon, amount: 700)
            _ = past.restore(alice, coupon: coupon)
        }
        let tombstone = past.mint(alice)
        _ = past.cancelCheckout(tombstone)

        let cluster = try Self.ways[way](past)
        #expect(cluster.digest() == past.digest())
        #expect(cluster.checkout(entry).result == past.checkout(entry).result)
        #expect(cluster.getCheckout(id).result == past.getCheckout(id).result)
        var other = entry
        other.usePoints = 100
        #expect(cluster.checkout(other).result.code == .idReused)
        #expect(cluster.order(alice, 3, 2, id: id.ofPart(.line(0))).result.code == .idReused)
        #expect(cluster.earn(alice, 29, id: id.ofPart(.pointsEarned)).result.code == .idReused)
        #expect(cluster.checkout(alice, [(1, 1)], id: tombstone).result.code == .cancelled)
        #expect(cluster.confirm(id.ofPart(.line(1))).result.code == .partOfCheckout)
        #expect(cluster.cancelTransaction(id.ofPart(.pointsUsed)).result.code == .partOfCheckout)
        let isHad = state == .held || state == .confirmed
        #expect(cluster.restore(alice, coupon: coupon).result.code == (isHad ? .partOfCheckout : .notUsed))

        for both in [past, cluster] { both.advance(byMs: 60_000) }
        #expect(cluster.confirmCheckout(id).result == past.confirmCheckout(id).result)
        #expect(cluster.digest() == past.digest())
        #expect(cluster.cancelCheckout(id).result == past.cancelCheckout(id).result)
        #expect(cluster.digest() == past.digest() && cluster.balance(alice) == past.balance(alice))
        for sale in 1...3 as ClosedRange<UInt64> { #expect(cluster.totals(sale) == past.totals(sale)) }
        #expect(cluster.policy(5).result == past.policy(5).result)
    }

    /// What is kept for the confirms of open checkouts is kept after a restart too.
    @Test(arguments: ways.indices) func roomIsKept(way: Int) throws {
        let past = shop()
        let ids = (0..<3).map { _ in past.buy(alice, [(1, 1)], earn: 5) }
        _ = past.cancelCheckout(ids[2])
        past.advance(byMs: 60_000)
        let cluster = try Self.ways[way](past)
        let reserved = (0..<cluster.shards).reduce(0) { $0 + cluster.engines[$1].earningsReserved }
        #expect(reserved == 2)
        let owner = cluster.engines + cluster.shard(of: alice)
        let user = owner.pointee.findUser(alice, hash: owner.pointee.userHash(alice))
        let wallet = owner.pointee.users[user].pointee.wallet
        #expect(owner.pointee.wallets[wallet].pointee.lotsReserved == 2)
    }

    /// The grace after a start moves the deadline of all orders, and the one timer.
    @Test func aGraceIsOfTheWhole() throws {
        let cluster = shop()
        let id = cluster.buy(alice, [(1, 1), (2, 1)])
        let graceMs = cluster.nowMs + 90_000
        for shard in 0..<cluster.shards { cluster.grace(shard, notBeforeMs: graceMs) }
        #expect(cluster.getCheckout(id).result.expiresAtMs == graceMs)
        #expect(cluster.get(id.ofPart(.line(0))).result.expiresAtMs == graceMs)
        cluster.advance(byMs: 89_999)
        #expect(cluster.getCheckout(id).result.state == OrderState.held.rawValue)
        #expect(try cluster.replayed(shards: 3).digest() == cluster.digest())
        cluster.advance(byMs: 1)
        #expect(cluster.getCheckout(id).result.state == OrderState.expired.rawValue)
    }

    // MARK: Damage

    /// What no engine logs: each is refused as a contradiction.
    @Test func contradictionsAreRefused() throws {
        let past = shop()
        let coupon = past.claim(alice, 5)
        let id = past.buy(alice, [(1, 1), (2, 1)], coupon: coupon, use: 200, earn: 29)
        let placed = try #require(past.history.last)
        let before = Array(past.history.dropLast())
        func event(_ kind: EventKind, _ id: Id128) -> Cluster.HistoryEvent {
            var event = placed
            event.kind = kind
            event.bytes = Array(placed.bytes.prefix(kind.sizeBytes))
            event.bytes.withUnsafeMutableBytes { $0.baseAddress!.storeId(id, EventField.id) }
            return event
        }
        func changed(_ field: Int, _ value: UInt8) -> Cluster.HistoryEvent {
            var event = placed
            event.bytes[field] = value
            return event
        }
        var used = event(.couponUsed, past.mint(alice))
        used.bytes = Array(placed.bytes.prefix(EventKind.couponUsed.sizeBytes))
        used.bytes.withUnsafeMutableBytes {
            $0.baseAddress!.storeId(past.mint(alice), EventField.id)
            $0.baseAddress!.storeId(coupon, EventField.usedCoupon)
        }
        let restored: Cluster.HistoryEvent = {
            var event = used
            event.kind = .couponRestored
            event.bytes = Array(used.bytes.prefix(EventKind.couponRestored.sizeBytes))
            event.bytes.withUnsafeMutableBytes { $0.baseAddress!.storeId(past.mint(alice), EventField.id) }
            return event
        }()
        let cases: [(String, [Cluster.HistoryEvent])] = [
            ("placed twice", [placed, placed]),
            ("without its orders", [event(.checkoutPlaced, past.mint(alice))]),
            ("with no order", [changed(EventField.quantity, 0)]),
            ("with one order more", [changed(EventField.quantity, 3)]),
            ("of another user", [changed(EventField.userId + 15, 77)]),
            ("with another coupon", [changed(EventField.checkoutCoupon + 15, 77)]),
            ("with more points than there are", [changed(EventField.checkoutPointsUsed + 1, 4)]),
            ("with more discount than it costs", [changed(EventField.checkoutDiscount + 2, 1)]),
            ("with a used coupon", [used, placed]),
            ("confirmed before it was placed", [event(.checkoutConfirmed, id)]),
            ("confirmed twice", [placed, event(.checkoutConfirmed, id), event(.checkoutConfirmed, id)]),
            ("expired when confirmed", [placed, event(.checkoutConfirmed, id), event(.checkoutExpired, id)]),
            ("cancelled twice", [placed, event(.checkoutCancelled, id), event(.checkoutCancelled, id)]),
            ("its order confirmed", [placed, event(.orderConfirmed, id.ofPart(.line(0)))]),
            ("its order cancelled", [placed, event(.orderCancelled, id.ofPart(.line(1)))]),
            ("its use cancelled", [placed, event(.transactionCancelled, id.ofPart(.pointsUsed))]),
            ("its coupon restored", [placed, restored]),
        ]
        let whole = before + [placed, event(.checkoutExpired, id), event(.checkoutConfirmed, id)]
        #expect(throws: Never.self) { try replay(whole, past) }
        for (what, events) in cases {
            #expect(throws: EventFault.self, "\(what)") { try replay(before + events, past) }
        }
    }

    private func replay(_ history: [Cluster.HistoryEvent], _ past: Cluster) throws {
        let fresh = Cluster(shards: past.shards, nowMs: past.nowMs)
        for event in history { try fresh.replay(event) }
    }
}

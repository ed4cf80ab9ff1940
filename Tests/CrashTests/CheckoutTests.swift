import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// `kill -9` while many clients place, confirm and cancel checkouts of users they share, with the same coupons and
    /// the same points: what was answered stands, and each checkout is whole or absent.
    @Suite(.serialized) struct Checkouts {
        @Test(arguments: [(shards: 1, seed: UInt64(81)), (shards: 2, seed: UInt64(82))])
        func wholeOrAbsentAcrossKills(_ shards: Int, _ seed: UInt64) throws {
            let directory = TemporaryDirectory()
            let siege = try Siege(shards: shards, in: directory)
            let mall = try Mall(seed: seed, siege.current.client())

            try siege.run(clients: Mall.clients, kills: 8, every: 200) { number, client in
                for index in mall.checkouts(of: number) { try mall.place(index, client) }
            }
            try mall.expectShortHoldsToEnd(try siege.current.client())
            // What has expired is confirmed late, or cancelled for good.
            try siege.run(clients: Mall.clients, kills: 3, every: 50) { number, client in
                for index in mall.checkouts(of: number) { try mall.end(index, client) }
            }
            try mall.expectEverything(try siege.current.client())
            try siege.restart()
            try mall.expectEverything(try siege.current.client())
            killAtOnce(siege.current)
            try mall.expectLogAgrees(directory)
            mall.expectEnough()
        }
    }
}

/// Sales, coupons and points for a few users, and the checkouts that clients make of them.
private final class Mall: Sendable {
    static let clients = 16
    static let perClient = 100
    private static let userCount = 24
    private static let quickSale: UInt64 = 4
    private static let pointsPerUser: UInt64 = 1000

    private struct Sale {
        var id: UInt64
        var stock: UInt64
        var holdMs: UInt32 = 0
        var perUserLimit: UInt32 = 0
    }

    /// At once; held for long, scarce, held for a moment, and with a limit.
    private static let sales = [
        Sale(id: 1, stock: 5000), Sale(id: 2, stock: 5000, holdMs: 600_000), Sale(id: 3, stock: 60),
        Sale(id: quickSale, stock: 5000, holdMs: 40), Sale(id: 5, stock: 5000, perUserLimit: 12),
    ]

    enum Plan: Equatable {
        case leave, confirm, cancel, refund
    }

    /// What clients were told about a checkout, by the answer that came in the end.
    private struct Told {
        var placed: CheckoutResult?
        var confirmed: ResultCode?
        var cancelled: ResultCode?
        var isLate = false
    }

    let seed: UInt64
    private let users: [Id128]
    private let coupons: [Id128: [Id128]]
    private let entries: [PlaceCheckoutEntry]
    private let plans: [Plan]
    private let told: Mutex<[Told]>

    private var context: Comment { "seed \(seed)" }

    init(seed: UInt64, _ admin: TestClient) throws {
        var mint = IdMint(seed: seed)
        self.seed = seed
        for sale in Self.sales {
            let entry = CreateSaleEntry.open(
                sale.id, stock: sale.stock, holdMs: sale.holdMs, perUserLimit: sale.perUserLimit,
                operationId: mint.catalogueId())
            #expect(try admin.createSale(entry).code == .ok)
        }
        let policy = CreatePolicyEntry.open(
            1, quantity: 10_000, discountKind: .percent, discountValue: 15, maxDiscount: 200, minPurchase: 200,
            operationId: mint.catalogueId())
        #expect(try admin.createPolicy(policy).code == .ok)
        let users = (0..<Self.userCount).map { _ in mint.user() }
        var coupons: [Id128: [Id128]] = [:]
        for user in users {
            coupons[user] = (0..<8).map { _ in mint.id(user: user) }
            let claims = coupons[user]!.map { IssueCouponEntry(couponId: $0, userId: user, policyId: 1) }
            #expect(try admin.issue(claims).allSatisfy { $0.code == .ok })
            let lots = (0..<4).map { lot in
                EarnEntry(
                    transactionId: mint.id(user: user), userId: user,
                    expiresAtMs: lot == 0 ? 0 : wallClockMs() + UInt64(lot) * 3_600_000,
                    amount: UInt32(Self.pointsPerUser) / 4)
            }
            #expect(try admin.earn(lots).allSatisfy { $0.code == .ok })
        }
        var entries: [PlaceCheckoutEntry] = []
        var plans: [Plan] = []
        for _ in 0..<(Self.clients * Self.perClient) {
            entries.append(Self.entry(users.randomElement(using: &mint)!, coupons, &mint))
            plans.append([.leave, .leave, .confirm, .cancel, .refund].randomElement(using: &mint)!)
        }
        self.users = users
        self.coupons = coupons
        self.entries = entries
        self.plans = plans
        told = Mutex(Array(repeating: Told(), count: entries.count))
    }

    private static func entry(
        _ user: Id128, _ coupons: [Id128: [Id128]], _ mint: inout IdMint
    ) -> PlaceCheckoutEntry {
        let count = Int.random(in: 1...4, using: &mint)
        let lines = (0..<count).map { _ in
            CheckoutLine(saleId: UInt64.random(in: 1...5, using: &mint), quantity: .random(in: 1...2, using: &mint))
        }
        var entry = PlaceCheckoutEntry(
            checkoutId: mint.id(user: user), userId: user, lineCount: UInt16(count), lines: CheckoutLines())
        for (place, line) in lines.enumerated() { entry.lines[place] = line }
        if Bool.random(using: &mint) { entry.couponId = coupons[user]!.randomElement(using: &mint)! }
        if Bool.random(using: &mint) { entry.usePoints = .random(in: 1...90, using: &mint) }
        if Bool.random(using: &mint) { entry.earnPoints = .random(in: 1...90, using: &mint) }
        return entry
    }

    // MARK: Under fire

    func checkouts(of client: Int) -> Range<Int> { (client * Self.perClient)..<((client + 1) * Self.perClient) }

    func place(_ index: Int, _ client: Besieger) throws {
        let entry = entries[index]
        let placed = try Self.settled(client) { client throws(ClientFault) in
            try client.call(.placeCheckout, [entry], as: CheckoutResult.self)
        }
        told.withLock { $0[index].placed = placed }
        guard placed.code == .ok else { return }
        switch plans[index] {
        case .leave: break
        case .confirm: try confirm(index, client)
        case .cancel: try cancel(index, client)
        case .refund:
            try confirm(index, client)
            try cancel(index, client)
        }
    }

    /// Confirms what was left, if need be late; cancels every third of those.
    func end(_ index: Int, _ client: Besieger) throws {
        let known = told.withLock { $0[index] }
        guard known.placed?.code == .ok, plans[index] == .leave || known.confirmed == .expired else { return }
        try confirm(index, client)
        if index % 3 == 0 { try cancel(index, client) }
    }

    private func confirm(_ index: Int, _ client: Besieger) throws {
        let result = try change(.confirmCheckout, index, client)
        told.withLock {
            $0[index].confirmed = result.code
            $0[index].isLate = result.flags & ResultFlags.late != 0
        }
    }

    private func cancel(_ index: Int, _ client: Besieger) throws {
        let result = try change(.cancelCheckout, index, client)
        told.withLock { $0[index].cancelled = result.code }
    }

    private func change(_ operation: Protocol.Operation, _ index: Int, _ client: Besieger) throws -> CheckoutResult {
        let entry = CheckoutIdEntry(checkoutId: entries[index].checkoutId)
        return try Self.settled(client) { client throws(ClientFault) in
            try client.call(operation, [entry], as: CheckoutResult.self)
        }
    }

    private static func settled(
        _ client: Besieger, _ question: (TestClient) throws(ClientFault) -> [CheckoutResult]
    ) throws -> CheckoutResult {
        while true {
            let result = try client.ask(question)[0]
            if result.code != .busy { return result }
        }
    }

    // MARK: What must be there

    private func views(_ client: TestClient) throws -> [CheckoutResult] {
        let asked = entries.map { CheckoutIdEntry(checkoutId: $0.checkoutId) }
        return try stride(from: 0, to: asked.count, by: 200).flatMap { start in
            try client.call(
                .getCheckout, Array(asked[start..<min(start + 200, asked.count)]), as: CheckoutResult.self)
        }
    }

    /// Nobody waits for a hold of a moment, but the server.
    func expectShortHoldsToEnd(_ client: TestClient) throws {
        let ended = try eventually {
            try views(client).filter { view in
                view.state == OrderState.held.rawValue && view.code == .ok
                    && view.orders.first(Int(view.orderCount)).contains { $0.saleId == Self.quickSale }
            }
        } until: { $0.isEmpty }
        #expect(ended != nil, context)
    }

    func expectEverything(_ client: TestClient) throws {
        let views = try views(client)
        for (index, view) in views.enumerated() {
            try expectTold(index, view)
            try expectWhole(index, view, client)
        }
        let there = views.filter { $0.code == .ok }
        let live = there.filter {
            $0.state == OrderState.held.rawValue || $0.state == OrderState.confirmed.rawValue
        }
        try expectStock(there, client)
        try expectCoupons(live, client)
        for user in users { try expectLedger(user, live, client) }
    }

    /// A checkout is as the last answer about it said.
    private func expectTold(_ index: Int, _ view: CheckoutResult) throws {
        let known = told.withLock { $0[index] }
        let placed = try #require(known.placed, context)
        guard placed.code == .ok else {
            #expect(view.code == .notFound, "seed \(seed): refused with \(placed.code), and there: \(view.head)")
            return
        }
        let state = try #require(OrderState(rawValue: view.state), context)
        let isRight: Bool
        if known.cancelled == .ok {
            isRight = state == .cancelled
        } else if known.confirmed == .ok {
            isRight = state == .confirmed
        } else {
            isRight = state == OrderState(rawValue: placed.state) || state == .expired
        }
        #expect(
            isRight && view.code == .ok && view.userId == placed.userId && view.orders == placed.orders
                && view.couponId == placed.couponId && view.subtotal == placed.subtotal
                && view.discount == placed.discount && view.toPay == placed.toPay
                && view.createdAtMs == placed.createdAtMs && view.pointsUsed == placed.pointsUsed
                && view.pointsEarned == placed.pointsEarned
                && (view.flags & ResultFlags.late != 0) == (known.confirmed == .ok && known.isLate),
            "seed \(seed): told \(known), now \(view.head)")
        let goods = view.orders.first(Int(view.orderCount)).reduce(0) { $0 + 100 * UInt64($1.quantity) }
        let discount = view.couponId.isZero ? 0 : min(goods * 15 / 100, 200)
        #expect(
            view.subtotal == goods && view.discount == discount
                && view.toPay == goods - discount - UInt64(view.pointsUsed), "seed \(seed): \(view.head)")
    }

    /// All of its parts are there, in the state that it says; or none of them is.
    private func expectWhole(_ index: Int, _ view: CheckoutResult, _ client: TestClient) throws {
        let id = entries[index].checkoutId
        let parts = try client.getOrder((0..<CheckoutLines.countMax).map { id.ofPart(.line($0)) })
        for (number, order) in parts.enumerated() {
            guard number < Int(view.orderCount) else {
                #expect(order.code == .notFound, "seed \(seed): order \(number) of \(view.head) is \(order)")
                continue
            }
            let isPart = order.code == .ok && order.state == view.state && order.userId == view.userId
            let isMarked = order.flags & ResultFlags.ofCheckout != 0
            #expect(
                isPart && isMarked && order.saleId == view.orders[number].saleId
                    && order.quantity == view.orders[number].quantity,
                "seed \(seed): order \(number) of \(view.head) is \(order)")
        }
        let state = view.code == .ok ? OrderState(rawValue: view.state) : nil
        let use = try client.getTransaction(id.ofPart(.pointsUsed))
        if state == nil || view.pointsUsed == 0 {
            #expect(use.code == .notFound, "seed \(seed): \(view.head): \(use)")
        } else {
            let isUsed = state == .held || state == .confirmed
            let expected = isUsed ? TransactionState.posted : .cancelled
            #expect(
                use.state == expected.rawValue && use.amount == view.pointsUsed, "seed \(seed): \(view.head): \(use)")
        }
        let earning = try client.getTransaction(id.ofPart(.pointsEarned))
        if view.pointsEarned > 0 && state == .confirmed {
            #expect(
                earning.state == TransactionState.posted.rawValue && earning.amount == view.pointsEarned,
                "seed \(seed): \(view.head): \(earning)")
        } else {
            // One that was confirmed before it was cancelled has posted them.
            let isGone = earning.code == .notFound || earning.state == TransactionState.cancelled.rawValue
            #expect(isGone, "seed \(seed): \(view.head): \(earning)")
        }
    }

    private func expectStock(_ there: [CheckoutResult], _ client: TestClient) throws {
        for sale in Self.sales {
            let shown = try client.getSale(sale.id)
            #expect(
                shown.held == Self.units(sale.id, .held, there) && shown.sold == Self.units(sale.id, .confirmed, there)
                    && shown.available + shown.held + shown.sold == sale.stock, "seed \(seed): \(shown)")
        }
    }

    private static func units(_ sale: UInt64, _ state: OrderState, _ views: [CheckoutResult]) -> UInt64 {
        views.filter { $0.state == state.rawValue }.flatMap { $0.orders.first(Int($0.orderCount)) }
            .filter { $0.saleId == sale }.reduce(0) { $0 + UInt64($1.quantity) }
    }

    /// A coupon is used by the one checkout that is held or confirmed with it, or not at all.
    private func expectCoupons(_ live: [CheckoutResult], _ client: TestClient) throws {
        var users: [Id128: Id128] = [:]
        for view in live where !view.couponId.isZero {
            #expect(users.updateValue(view.checkoutId, forKey: view.couponId) == nil, "seed \(seed): used twice")
        }
        for coupon in try client.getCoupons(coupons.values.flatMap { $0 }) {
            let isUsed = coupon.state == CouponState.used.rawValue
            #expect(
                coupon.code == .ok && coupon.orderId == users[coupon.couponId] ?? .zero
                    && isUsed == (users[coupon.couponId] != nil), "seed \(seed): \(coupon)")
        }
        let policy = try client.getPolicy(1)
        #expect(policy.used == UInt64(users.count), "seed \(seed): \(policy)")
    }

    /// The balance is what the history says, and the history what the checkouts say.
    private func expectLedger(_ user: Id128, _ live: [CheckoutResult], _ client: TestClient) throws {
        let own = live.filter { $0.userId == user }
        let used = own.reduce(0) { $0 + UInt64($1.pointsUsed) }
        let earned = own.filter { $0.state == OrderState.confirmed.rawValue }
            .reduce(Self.pointsPerUser) { $0 + UInt64($1.pointsEarned) }
        let history = try client.listTransactions(user)
        let posted = history.items.filter { $0.state == TransactionState.posted.rawValue }
        let earnings = posted.filter { $0.kind == TransactionKind.earning.rawValue }
        let uses = posted.filter { $0.kind == TransactionKind.use.rawValue }
        let balance = try client.getBalance(user).balance
        #expect(
            !history.more && balance == earnings.reduce(0) { $0 + UInt64($1.remaining) }
                && earned == earnings.reduce(0) { $0 + UInt64($1.amount) }
                && used == uses.reduce(0) { $0 + UInt64($1.amount) } && balance + used == earned,
            "seed \(seed): user \(user) has \(balance), earned \(earned), used \(used): \(posted)")
    }

    /// Another program reads the same in the log; to be asked while nothing runs.
    func expectLogAgrees(_ directory: TemporaryDirectory) throws {
        let state = try LogState.read(directory)
        for sale in Self.sales {
            let logged = try state.sale(sale.id)
            #expect(logged.available + logged.held + logged.sold == sale.stock, context)
        }
    }

    /// A test that was not under fire has shown nothing.
    func expectEnough() {
        told.withLock { told in
            let placed = told.filter { $0.placed?.code == .ok }
            #expect(placed.count > 200, "seed \(seed): \(placed.count) placed")
            #expect(placed.filter { !$0.placed!.couponId.isZero }.count > 20, context)
            #expect(placed.filter { $0.placed!.pointsUsed > 0 }.count > 50, context)
            #expect(placed.contains { $0.isLate } && placed.contains { $0.cancelled == .ok }, context)
            for code in [ResultCode.soldOut, .limitExceeded, .alreadyUsed] {
                #expect(told.contains { $0.placed?.code == code }, "seed \(seed): nothing was \(code)")
            }
        }
    }
}

import Protocol
import Testing

@testable import Engine

// Random histories of all modules over many retention times. A pass lets go of nothing that is young, held or needed,
// and changes no balance and no count; every way to start again gives the same state; and when all is over nothing
// is left.

@Suite struct RetirementModelTests {
    @Test(arguments: 0..<24 as Range<UInt64>) func whatLeavesIsOldAndOver(_ seed: UInt64) throws {
        let run = try RetirementRun.played(seed: seed, steps: 500)
        if let run { #expect(run.retiredCount > 15, "seed \(seed) let \(run.retiredCount) go: it shows nothing") }
    }
}

struct RetirementRun: SeededRun {
    private var dice: Dice
    private var cluster: Cluster
    private let users: [Id128]
    private var nextOffer: UInt64 = 1
    /// Every operation that was accepted, by its id, and when. Ids of a checkout's parts are not among them.
    private var acceptedAtMs: [Id128: UInt64] = [:]
    private var orders: [Id128] = []
    private var checkouts: [Id128] = []
    private var coupons: [(id: Id128, user: Id128)] = []
    private var transactions: [Id128] = []
    private var endsOfSales: [UInt64: UInt64] = [:]
    private(set) var retiredCount = 0

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        cluster = Cluster(
            shards: dice.pick([1, 2, 5]),
            capacities: .init(
                users: 200, orders: 2000, tombstones: 500, transactions: 2000, checkouts: 500, sales: 200,
                catalogueOperations: 400))
        users = (0..<dice.pick(2...12)).map { user(UInt64($0)) }
        offerBoth()
    }

    private static let capacities = Cluster.Capacities(
        users: 200, orders: 2000, tombstones: 500, transactions: 2000, checkouts: 500, sales: 200,
        catalogueOperations: 400)

    mutating func step() throws -> String? {
        let user = dice.pick(users)
        switch dice.below(40) {
        case 0..<8: order(user)
        case 8..<12: buy(user)
        case 12..<15: changeOrder()
        case 15..<18: changeCheckout()
        case 18..<22: earn(user)
        case 22..<25:
            let amount = UInt32(dice.pick(1...30))
            accept(cluster.mint(user)) { $0.use(user, amount, id: $1).result.code }
        case 25: if let id = transactions.randomElement(using: &dice) { _ = cluster.cancelTransaction(id) }
        case 26..<28: claim(user)
        case 28..<30: changeCoupon()
        case 30: offerBoth()
        case 31: tombstone(user)
        case 32: if nextOffer > 1, dice.oneIn(2) { close(UInt64(dice.pick(1...Int(nextOffer) - 1))) }
        case 33: if let fault = try restart() { return fault }
        case 34..<37: return pass()
        default:
            let retain = Int(Cluster.retainMs)
            cluster.advance(byMs: UInt64(dice.pick([1, 50, 700, retain / 5, retain])))
        }
        return nil
    }

    // MARK: Steps

    private mutating func offerBoth() {
        let now = cluster.nowMs
        let endsAtMs = now + UInt64(dice.pick([500, 3000, Int(Cluster.retainMs / 2)]))
        cluster.sell(
            nextOffer, stock: UInt64(dice.pick([5, 40])), endsAtMs: endsAtMs, limit: UInt32(dice.pick([0, 3])),
            holdMs: UInt32(dice.pick([0, 400, 20_000])), price: 10)
        cluster.offer(
            nextOffer, quantity: 20, limit: 3, fixed: 5,
            validUntilMs: now + UInt64(dice.pick([400, Int(Cluster.retainMs)])))
        endsOfSales[nextOffer] = endsAtMs
        nextOffer += 1
    }

    private mutating func close(_ offer: UInt64) {
        if cluster.close(offer).result.code == .ok { endsOfSales[offer] = min(endsOfSales[offer]!, cluster.nowMs) }
        _ = cluster.closePolicy(offer)
        _ = cluster.restock(offer, 3)
    }

    private func recentOffer() -> UInt64 { max(1, nextOffer - 1) }

    /// Remembers what was accepted under a fresh id.
    @discardableResult
    private mutating func accept(_ id: Id128, _ operation: (Cluster, Id128) -> ResultCode) -> Bool {
        guard operation(cluster, id) == .ok else { return false }
        acceptedAtMs[id] = cluster.nowMs
        return true
    }

    private mutating func order(_ user: Id128) {
        let id = dice.oneIn(4)
            ? .version8(hashHigh: dice.next(), hashLow: dice.next(), partition: Partition.of(user: user))
            : cluster.mint(user, agoMs: UInt64(dice.below(1000)))
        let sale = dice.oneIn(4) ? UInt64(dice.pick(1...Int(nextOffer))) : recentOffer()
        let quantity = UInt32(dice.pick(1...2))
        if accept(id, { $0.order(user, sale, quantity, id: $1).result.code }) { orders.append(id) }
    }

    private mutating func buy(_ user: Id128) {
        let coupon = dice.oneIn(2) ? coupons.last { $0.user == user }?.id ?? .zero : .zero
        let other = UInt64(dice.pick(1...Int(nextOffer)))
        var lines: [(sale: UInt64, quantity: UInt32)] = [(recentOffer(), 1)]
        if dice.oneIn(2) { lines.append((other, 1)) }
        let use = dice.oneIn(2) ? UInt32(dice.pick(0...5)) : 0
        let id = cluster.mint(user)
        let earn = UInt32(dice.pick(0...9))
        if accept(id, { $0.checkout(user, lines, coupon: coupon, use: use, earn: earn, id: $1).result.code }) {
            checkouts.append(id)
        }
    }

    private mutating func changeOrder() {
        guard let id = dice.oneIn(3) ? orders.randomElement(using: &dice) : orders.last else { return }
        switch dice.below(4) {
        case 0: if acceptedAtMs[id] != nil, cluster.get(id).result.code == .ok { _ = cluster.cancel(id) }
        case 1: _ = cluster.extend(id, to: cluster.nowMs + UInt64(dice.pick([10, 5000, Int(2 * Cluster.retainMs)])))
        default: _ = cluster.confirm(id)
        }
    }

    private mutating func changeCheckout() {
        guard let id = dice.oneIn(3) ? checkouts.randomElement(using: &dice) : checkouts.last else { return }
        if dice.oneIn(3), cluster.getCheckout(id).result.code == .ok {
            _ = cluster.cancelCheckout(id)
        } else {
            _ = cluster.confirmCheckout(id)
        }
    }

    private mutating func earn(_ user: Id128) {
        let expiresAtMs = dice.oneIn(3) ? 0 : cluster.nowMs + UInt64(dice.pick([5, 800, Int(3 * Cluster.retainMs)]))
        let reason = dice.oneIn(2) ? Reason() : Reason("because")!
        let (id, amount) = (cluster.mint(user), UInt32(dice.pick(1...40)))
        if accept(id, { $0.earn(user, amount, expiresAtMs: expiresAtMs, reason: reason, id: $1).result.code }) {
            transactions.append(id)
        }
    }

    private mutating func claim(_ user: Id128) {
        let id = cluster.mint(user)
        let policy = recentOffer()
        if accept(id, { $0.issue(user, policy, id: $1).result.code }) { coupons.append((id, user)) }
    }

    private mutating func changeCoupon() {
        guard let coupon = dice.oneIn(2) ? coupons.last : coupons.randomElement(using: &dice) else { return }
        let isUse = dice.oneIn(2)
        accept(cluster.mint(coupon.user)) {
            isUse
                ? $0.use(coupon.user, coupon: coupon.id, id: $1).result.code
                : $0.restore(coupon.user, coupon: coupon.id, id: $1).result.code
        }
    }

    private mutating func tombstone(_ user: Id128) {
        let id = cluster.mint(user, agoMs: UInt64(dice.below(500)))
        accept(id) { $0.cancel($1).result.code }
    }

    // MARK: Passes

    /// Lets go what may, in large or small steps, and looks at what that was.
    private mutating func pass() -> String? {
        let nowMs = cluster.nowMs
        let balances = users.map { cluster.balance($0).balance }
        let listed = Set(cluster.listSales().sales.map(\.saleId))
        let totals = listed.map { ($0, cluster.totals($0)) }
        let start = cluster.history.count
        let orderStates = orders.map { ($0, cluster.get($0).result) }
        let (counts, counted) = (cluster.recordCounts(), cluster.retiredCounts())
        if dice.oneIn(3) {
            cluster.retire(dice.below(cluster.shards), budget: dice.pick([1, 5, 1000]))
        } else {
            cluster.retireAll(budget: dice.pick([1, 7, 1000]))
        }
        let gone = zip(counts, cluster.recordCounts()).map(-)
        let counting = zip(cluster.retiredCounts(), counted).map(-)
        let kinds = [gone[0], gone[3], gone[5], gone[6], gone[7], gone[8]]
        if counting != kinds { return "\(kinds) records have left, \(counting) were counted" }
        let retired = Set(cluster.retired(since: start))
        retiredCount += retired.count
        for id in retired {
            guard let acceptedAtMs = acceptedAtMs[id] else { continue }
            if max(acceptedAtMs, id.mintTimeMs ?? 0) + Cluster.retainMs >= nowMs { return "\(id) left too early" }
        }
        for (id, view) in orderStates where retired.contains(id) {
            if view.state == OrderState.held.rawValue { return "\(id) left while it was held" }
            if endsOfSales[view.saleId]! + Cluster.retainMs >= nowMs { return "\(id) left before its sale was over" }
            if cluster.get(id).result.code != .notFound { return "\(id) has left and is there" }
            if id.version == 8 { continue }
            let again = cluster.order(view.userId, view.saleId, view.quantity, id: id).result.code
            if again != .idTooOld { return "\(id), used again, is \(again)" }
        }
        if users.map({ cluster.balance($0).balance }) != balances { return "a balance has changed" }
        let left = listed.subtracting(cluster.listSales().sales.map(\.saleId))
        for (sale, before) in totals where !left.contains(sale) && cluster.totals(sale) != before {
            return "sale \(sale) had \(before), has \(cluster.totals(sale))"
        }
        for sale in left where endsOfSales[sale]! + Cluster.retainMs >= nowMs { return "sale \(sale) left too early" }
        return compareStarts(shards: dice.pick([1, 2, 5]))
    }

    private func compareStarts(shards: Int) -> String? {
        do {
            for (how, other) in [
                ("events", try cluster.replayed(shards: shards, capacities: Self.capacities)),
                ("a snapshot", try cluster.rebuilt(shards: shards, capacities: Self.capacities)),
            ] {
                if other.digest() != cluster.digest() { return "from \(how), \(shards) shards: another digest" }
                // Where a user's units are counted, and whether an empty wallet is there, depends on the way.
                let both = zip(other.recordCounts(), cluster.recordCounts())
                let isSame = both.enumerated().allSatisfy { index, counts in
                    index == 2 || index == 4 || counts.0 == counts.1
                }
                if !isSame {
                    return "from \(how): \(other.recordCounts()), not \(cluster.recordCounts())"
                }
                for user in users {
                    if other.list(user).orders != cluster.list(user).orders { return "from \(how): other orders" }
                    if other.balance(user) != cluster.balance(user) { return "from \(how): another balance" }
                    if other.history(user) != cluster.history(user) { return "from \(how): another history" }
                    if other.coupons(of: user) != cluster.coupons(of: user) { return "from \(how): other coupons" }
                }
                for sale in cluster.listSales().sales where other.totals(sale.saleId) != cluster.totals(sale.saleId) {
                    return "from \(how): other counts"
                }
            }
        } catch { return "\(shards) shards refuse it: \(error)" }
        return nil
    }

    private mutating func restart() throws -> String? {
        let shards = dice.pick([1, 2, 5])
        cluster =
            dice.oneIn(2)
            ? try cluster.replayed(shards: shards, capacities: Self.capacities)
            : try cluster.rebuilt(shards: shards, capacities: Self.capacities)
        return nil
    }

    /// All holds end, all points are spent, all is over: nothing is left but the ids of offers.
    mutating func finish() throws -> String? {
        // Longer than any hold was extended, or any policy lasts.
        cluster.advance(byMs: 3 * Cluster.retainMs)
        for user in users {
            let points = cluster.balance(user).balance
            if points > 0 { _ = cluster.use(user, UInt32(points)) }
        }
        cluster.advance(byMs: 2 * Cluster.retainMs)
        cluster.retireAll()
        if let fault = compareStarts(shards: 3) { return fault }
        if cluster.recordCounts().contains(where: { $0 != 0 }) { return "left: \(cluster.recordCounts())" }
        let catalogue = cluster.engines + cluster.catalogueShard
        if catalogue.pointee.catalogueOperations.count > 0 { return "operations on offers are left" }
        if !cluster.listSales().sales.isEmpty { return "sales are left" }
        var entry = CreateSaleEntry(
            operationId: cluster.mintForCatalogue(), saleId: 1, stock: 1, startsAtMs: 0, endsAtMs: 0, perUserLimit: 0,
            holdMs: 0, unitPrice: 1, name: Name("again")!)
        if cluster.create(entry).result.code != .alreadyExists { return "the id of a sale was used again" }
        entry.saleId = nextOffer
        return cluster.create(entry).result.code == .ok ? nil : "no sale can be created any more"
    }
}

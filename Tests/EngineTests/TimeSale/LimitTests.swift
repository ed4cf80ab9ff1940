import Protocol
import Testing

@testable import Engine

// Units towards per-user limits: three sales in the user's line, further ones in a table. Random histories of
// orders, cancels, expiries and late confirms, beside the model that counts them from the orders; after each
// step where every count lies, and that it lies there alone. A failure names its seed.

@Suite struct LimitTests {
    @Test(arguments: [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]] as [[UInt64]])
    func countsAreExactAtEachStep(seeds: [UInt64]) throws {
        var tried = LimitRun.Tried()
        for seed in seeds {
            guard let run = try LimitRun.played(seed: seed, steps: 700) else { return }
            tried.add(run.tried)
        }
        // Runs that never came there have shown nothing.
        #expect(tried.refused > 50 && tried.late > 10 && tried.lateRefused > 10, "\(tried)")
        #expect(tried.nearFreed > 50 && tried.nearTakenAgain > 50, "\(tried)")
        #expect(tried.far > 20 && tried.farWhileNearIsFree > 0 && tried.farEmptied > 10, "\(tried)")
    }

    /// Three sales fit into the line, whatever happens to their orders; the fourth does not.
    @Test func threeSalesNeedNoTable() {
        let cluster = Cluster()
        for sale in 1...4 as ClosedRange<UInt64> { cluster.sell(sale, stock: 1000, limit: 3, holdMs: 1000) }
        var dice = Dice(seed: 5)
        for _ in 0..<400 {
            let sale = UInt64(dice.pick(1...3))
            let id = cluster.mint(user(1))
            _ = cluster.order(user(1), sale, UInt32(dice.pick(1...3)), id: id)
            switch dice.below(4) {
            case 0: _ = cluster.cancel(id)
            case 1: _ = cluster.confirm(id)
            case 2: cluster.advance(byMs: 500)
            default: break
            }
            if dice.oneIn(3) { _ = cluster.list(user(1)).orders.map { cluster.cancel($0.orderId) } }
        }
        #expect(cluster.engines[0].limits.count == 0 && cluster.engines[0].limitIndex.count == 0)
        for sale in 1...3 as ClosedRange<UInt64> {
            for view in cluster.list(user(1)).orders { _ = cluster.cancel(view.orderId) }
            #expect(cluster.order(user(1), sale, 3).result.code == .ok)
        }
        for sale in 1...3 as ClosedRange<UInt64> { _ = cluster.order(user(1), sale, 3) }
        #expect(cluster.order(user(1), 4, 2).result.code == .ok)
        #expect(cluster.engines[0].limits.count == 1)
        #expect(cluster.order(user(1), 4, 2).result.code == .limitExceeded)
        #expect(cluster.order(user(1), 4, 1).result.code == .ok)
    }

    /// Sales without a limit are counted nowhere.
    @Test func withoutALimitNothingIsCounted() {
        let cluster = Cluster()
        for sale in 1...9 as ClosedRange<UInt64> {
            cluster.sell(sale, stock: 1000)
            _ = cluster.place(user(1), sale, 50)
        }
        let engine = cluster.engines
        let slot = engine[0].findUser(user(1), hash: engine[0].userHash(user(1)))
        for sale in 1...9 as ClosedRange<UInt32> {
            #expect(engine[0].users[slot].pointee.limits.units(of: sale) == nil)
        }
        #expect(engine[0].limits.count == 0)
    }

    /// Shops whose user ids are of version 7 too: where an operation's id lies follows from its time, a user does not.
    @Test func aUserWhoseIdHasATimeIsOneUser() {
        // So many orders that their index has more lines than one millisecond takes.
        let cluster = Cluster(capacities: .init(users: 60, orders: 100_000, tombstones: 300, sales: 80))
        for sale in 1...5 as ClosedRange<UInt64> { cluster.sell(sale, stock: 1000, limit: 2, holdMs: 0) }
        var users: Set<Id128> = []
        for random in 1...50 as ClosedRange<UInt64> {
            let user = Id128.version7(timeMs: cluster.nowMs - random * 1000, partition: 7, random: random)
            users.insert(user)
            for sale in 1...5 as ClosedRange<UInt64> {
                for code in [.ok, .ok, .limitExceeded] as [ResultCode] {
                    cluster.advance(byMs: 3)
                    #expect(cluster.order(user, sale, 1).result.code == code)
                }
            }
            #expect(cluster.earn(user, 30).result.code == .ok && cluster.earn(user, 12).result.code == .ok)
            #expect(cluster.balance(user).balance == 42 && cluster.list(user).orders.count == 10)
        }
        #expect(cluster.engines[0].usersKnown == users.count)
    }

    /// Each place of the line by itself: found, changed, freed, and taken by another sale.
    @Test func nearPlaces() {
        var near = NearLimits()
        for sale in [11, 12, 13] as [UInt32] {
            #expect(near.units(of: sale) == nil)
            let isSet = near.set(sale, inPlaceOf: 0, sale * 10)
            #expect(isSet && near.units(of: sale) == sale * 10)
        }
        let isFull = !near.set(14, inPlaceOf: 0, 1)
        #expect(isFull)
        for sale in [11, 12, 13] as [UInt32] {
            let isSet = near.set(sale, inPlaceOf: sale, 7)
            #expect(isSet && near.units(of: sale) == 7)
            let isFreed = near.set(sale, inPlaceOf: sale, 0)
            #expect(isFreed && near.units(of: sale) == nil)
            let isTaken = near.set(sale + 100, inPlaceOf: 0, 5)
            #expect(isTaken && near.units(of: sale + 100) == 5)
            let isThere = near.set(sale, inPlaceOf: sale, 1)
            #expect(!isThere, "a sale that has no place cannot be changed")
        }
    }
}

/// One random history.
private struct LimitRun: SeededRun {
    struct Tried {
        var refused = 0
        var lateRefused = 0
        var late = 0
        var nearFreed = 0
        var nearTakenAgain = 0
        var far = 0
        /// Units added to the table while a place of the line was free.
        var farWhileNearIsFree = 0
        var farEmptied = 0

        mutating func add(_ other: Tried) {
            refused += other.refused
            lateRefused += other.lateRefused
            late += other.late
            nearFreed += other.nearFreed
            nearTakenAgain += other.nearTakenAgain
            far += other.far
            farWhileNearIsFree += other.farWhileNearIsFree
            farEmptied += other.farEmptied
        }
    }

    /// Where the units of one user and sale lie.
    struct Place: Equatable {
        var isFar: Bool
        var units: UInt32
    }

    struct Key: Hashable {
        var user: Id128
        var sale: UInt64
    }

    private(set) var tried = Tried()
    private var dice: Dice
    private var cluster: Cluster
    private var model: Model
    private let users: [Id128]
    private let sales: [UInt64]
    private var ids: [Id128] = []
    private var places: [Key: Place] = [:]
    /// Users whose places have not been seen since the last start: a replay may have put some of them far.
    private var mayHaveFar: Set<Id128> = []
    private static let capacities = Cluster.Capacities(users: 50, orders: 2000, tombstones: 10, sales: 12)

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        let shards = dice.pick([1, 2, 5])
        cluster = Cluster(shards: shards, capacities: Self.capacities)
        model = Model(shards: shards, capacities: Self.capacities, nowMs: cluster.nowMs)
        users = (0..<dice.pick([1, 2, 5])).map { user(UInt64($0)) }
        // The last one has no limit.
        sales = Array(1...UInt64(dice.pick(5...9)))
        self.dice = dice
        for sale in sales {
            let limit = sale == sales.last ? 0 : UInt32(self.dice.pick(1...6))
            let entry = cluster.sell(sale, stock: 1 << 30, limit: limit, holdMs: sale % 3 == 0 ? 0 : 1000)
            _ = model.create(entry)
        }
        sync()
    }

    private mutating func sync() { for shard in 0..<model.shards { model.sync(shard) } }

    mutating func step() throws -> String? {
        var fault: String?
        switch dice.below(100) {
        case 0..<46: fault = order()
        case 46..<66: fault = confirm()
        case 66..<82: fault = cancel()
        case 82..<98: fault = time()
        default: fault = try restart()
        }
        sync()
        return fault ?? look()
    }

    private mutating func order() -> String? {
        let user = dice.pick(users)
        let entry = OrderEntry(
            orderId: cluster.mint(user), userId: user, saleId: dice.pick(sales), quantity: UInt32(dice.pick(1...3)))
        let got = cluster.order(entry)
        let expected = model.order(entry)
        if got.result.code == .ok { ids.append(entry.orderId) }
        if got.result.code == .limitExceeded { tried.refused += 1 }
        return got.result == expected.result ? nil : "\(entry): \(got.result), not \(expected.result)"
    }

    private mutating func confirm() -> String? {
        guard !ids.isEmpty else { return nil }
        let id = dice.pick(dice.oneIn(2) ? ids : Array(ids.suffix(30)))
        let got = cluster.confirm(id).result
        let expected = model.confirm(id).result
        if got.code == .expired { tried.lateRefused += 1 }
        if got.code == .ok && got.flags == ResultFlags.late { tried.late += 1 }
        return got == expected ? nil : "confirm \(id): \(got), not \(expected)"
    }

    private mutating func cancel() -> String? {
        guard !ids.isEmpty else { return nil }
        let id = dice.pick(Array(ids.suffix(20)))
        let got = cluster.cancel(id).result
        let expected = model.cancel(id).result
        return got == expected ? nil : "cancel \(id): \(got), not \(expected)"
    }

    private mutating func time() -> String? {
        let ms = UInt64(dice.pick([1, 100, 400, 1000]))
        let before = cluster.history.count
        cluster.advance(byMs: ms)
        model.nowMs += ms
        let ended = cluster.history[before...].map { event in
            event.bytes.withUnsafeBytes { $0.baseAddress!.loadId(EventField.id) }
        }
        let due = (0..<model.shards).reduce(into: Set<Id128>()) { $0.formUnion(model.due($1)) }
        model.expire(ended)
        return Set(ended) == due ? nil : "\(ended) ended, not \(due)"
    }

    /// Goes on with what a replay makes of the history.
    private mutating func restart() throws -> String? {
        let digest = cluster.digest()
        let shards = dice.pick([1, 2, 5])
        cluster = try cluster.replayed(shards: shards, capacities: Self.capacities)
        model.restart(shards: shards)
        places = [:]
        mayHaveFar = Set(users)
        return cluster.digest() == digest ? nil : "after a start with \(shards) shards the digest is another"
    }

    mutating func finish() throws -> String? {
        for shards in [1, 2, 5] {
            cluster = try cluster.replayed(shards: shards, capacities: Self.capacities)
            model.restart(shards: shards)
            places = [:]
            mayHaveFar = Set(users)
            if let fault = look() { return "after a start with \(shards) shards: \(fault)" }
            // What was counted still decides.
            for _ in 0..<60 { if let fault = order() ?? look() { return fault } }
        }
        return nil
    }

    // MARK: Looking

    /// Where each count lies now, against the orders of the model and against where it lay before.
    private mutating func look() -> String? {
        for user in users {
            let shard = cluster.shard(of: user)
            let engine = cluster.engines + shard
            let slot = engine.pointee.findUser(user, hash: engine.pointee.userHash(user))
            if slot == 0 { continue }
            var now: [Key: Place] = [:]
            for sale in sales.dropLast() {
                let saleSlot = engine.pointee.findOffer(.sale, sale)
                let units = engine.pointee.limitUnits(
                    user: slot, userHash: engine.pointee.userHash(user), offer: saleSlot)
                if UInt64(units) != model.units(of: user, sale) {
                    return "\(user) has \(units) units of \(sale), not \(model.units(of: user, sale))"
                }
                switch Self.place(engine, slot, saleSlot) {
                case .failure(let fault): return "\(user), sale \(sale): \(fault.text)"
                case .success(nil): break
                case .success(let place?): now[Key(user: user, sale: sale)] = place
                }
            }
            let farCount = now.values.count { $0.isFar }
            if Int(engine.pointee.users[slot].pointee.farLimitCount) != farCount {
                return "\(user) counts \(engine.pointee.users[slot].pointee.farLimitCount) far, has \(farCount)"
            }
            if let fault = compare(now, of: user) { return fault }
        }
        return nil
    }

    private struct Fault: Error { var text: String }

    private static func place(
        _ engine: UnsafeMutablePointer<Engine>, _ user: UInt32, _ sale: UInt32
    ) -> Result<Place?, Fault> {
        let near = engine.pointee.users[user].pointee.limits.units(of: sale)
        var far: [UInt32] = []
        for slot in engine.pointee.limits.slots {
            let record = engine.pointee.limits[slot].pointee
            if record.user == user && record.offer == sale { far.append(record.units) }
        }
        if far.count > 1 || near != nil && !far.isEmpty { return .failure(Fault(text: "\(far) and \(near ?? 0)")) }
        if near == 0 || far == [0] { return .failure(Fault(text: "a place for no units")) }
        return .success(near.map { Place(isFar: false, units: $0) } ?? far.first.map { Place(isFar: true, units: $0) })
    }

    private mutating func compare(_ now: [Key: Place], of user: Id128) -> String? {
        let before = places.filter { $0.key.user == user }
        let wasFull = before.values.count { !$0.isFar } == 3
        for (key, place) in before {
            guard let next = now[key] else {
                if place.isFar { tried.farEmptied += 1 } else { tried.nearFreed += 1 }
                continue
            }
            if next.isFar != place.isFar { return "\(key) has moved" }
            if next.isFar && next.units > place.units && !wasFull { tried.farWhileNearIsFree += 1 }
        }
        for (key, place) in now where before[key] == nil {
            if place.isFar {
                tried.far += 1
                // Only who has three has a fourth far from them.
                if !wasFull && !mayHaveFar.contains(user) { return "\(key) is far, although a place was free" }
            } else if tried.nearFreed > 0 {
                tried.nearTakenAgain += 1
            }
        }
        mayHaveFar.remove(user)
        for key in before.keys { places[key] = nil }
        places.merge(now) { $1 }
        return nil
    }
}

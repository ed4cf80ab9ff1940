import Engine
import Log
import Protocol
import Shard
import SimulatedStorage

/// A server, its disk and its clients, driven by one seed, one step after the other.
///
/// Each step is one of: a part of a turn of one shard, one step of a take, a write or a sync that gets done,
/// something a client does, a crash with the restart behind it. Which one is the dice's choice, so that what
/// threads do at the same time on a real machine happens here in every order.
final class World {
    var dice: Dice
    /// What decides about the faults of the disk and of the wall clock.
    var faultDice: Dice
    let scenario: Scenario
    var trace: Trace
    var coverage = Coverage()

    let memory: ProcessMemory
    /// Of the process that makes snapshots.
    let snapshotMemory: ProcessMemory
    var storage = SimulatedStorage()
    var machine: Machine!
    /// Of the manifest that the shards serve from; 0 before the first start.
    var generation: UInt64 = 0
    var clockMs: UInt64
    var shardWeights: [Int] = []

    // The oracle.
    var model = LogModel()
    var history = EventHistory()
    var watch: StockWatch
    /// What clients know, by what they were shown.
    var orders: [KnownOrder] = []
    var orderIndices: [Id128: Int] = [:]
    /// Those that stand for themselves, and those of checkouts.
    var plainOrders: [Int] = []
    var checkoutOrders: [Int] = []
    var offers: [KnownOffer] = []
    var coupons: [KnownCoupon] = []
    var couponIndices: [Id128: Int] = [:]
    /// Those that a reply has issued, and those that one has shown used.
    var issuedCoupons: [Int] = []
    var usedCoupons: [Int] = []
    /// Uses and restores of coupons, earnings and uses of points; and where those of each operation are.
    var changes: [KnownChange] = []
    var changesOf: [Operation: [Int]] = [:]
    /// Earnings and uses that a reply has shown posted.
    var postedChanges: [Int] = []
    var checkouts: [KnownCheckout] = []
    /// Those that a reply has accepted.
    var placedCheckouts: [Int] = []
    /// The changes whose ids are those of parts of checkouts.
    var checkoutChanges: [Operation: [Int]] = [:]
    /// By user: how many events of its points a reply has shown.
    var shownMoments: [Id128: Int] = [:]

    // The clients.
    var clients: [Client]
    var requests: [UInt64: Request] = [:]
    var users: [Id128]
    var nextRequest: UInt64 = 1
    var nextConnection: UInt64 = 1
    /// From here on nothing goes wrong any more, and nothing new is asked.
    var isCalm = false
    /// Of this life.
    var retainMs: UInt64
    /// What answers of this life have shown to be gone, before the log says so.
    var awaitedRetirements: [AwaitedRetirement] = []
    var clockStands = false

    /// In half of all seeds.
    var mirror: MirrorWorld?
    /// In half of all seeds.
    var follower: FollowerWorld?

    /// What had been durable and is damaged, until a start has found it.
    var damage: Damage?
    var isDiskFull = false
    /// The last step at which a shard accepted ends alone, for want of room; 0: never.
    var lastFullSteps: [Int] = []
    /// By shard: the last step at which it knew as many users as it may.
    var lastCrowdedSteps: [Int] = []

    var syncs: [PendingSync] = []
    var writes: [PendingWrite] = []

    struct PendingWrite {
        var shard: Int
        var command: WriteCommand
        var segment: UInt64
    }

    struct PendingSync {
        var shard: Int
        var command: SyncCommand
        /// The blocks that it covers for sure: those whose writes had completed when it began.
        var tickets: [UInt64]
    }

    init(_ run: Run, memory: ProcessMemory, snapshotMemory: ProcessMemory, print: ((String) -> Void)?) {
        let seed = run.seed
        var dice = Dice(seed: seed)
        var scenario = Scenario(&dice, seed: seed)
        for reduction in run.reductions { reduction.reduce(&scenario) }
        self.scenario = scenario
        if run.salt != 0 { dice = Dice(seed: seed, part: Dice.saltsPart &+ run.salt) }
        retainMs = scenario.retainMs
        trace = Trace(print: print)
        self.memory = memory
        self.snapshotMemory = snapshotMemory
        clockMs = 1_750_000_000_000 + UInt64(dice.below(1 << 30))
        watch = StockWatch(salesMax: scenario.salesMax, shards: 1)
        users = (0..<scenario.users).map { _ in Id128(high: dice.next(), low: dice.next()) }
        clients = (0..<scenario.clients).map { _ in Client() }
        self.dice = dice
        faultDice = Dice(seed: seed &+ run.salt, part: Dice.faultsPart)
        if !run.reductions.contains(.mirror) { mirror = MirrorWorld(seed: seed) }
        if !run.reductions.contains(.follower) { follower = FollowerWorld(seed: seed) }
    }

    /// Runs the seed to its end.
    func run(steps: Int) throws(Violation) {
        trace.note(0, 0, "scenario: \(scenario.description)")
        try start(shards: scenario.shards)
        while trace.step < steps { try step() }
        try finish()
        coverage[.steps] += trace.step
    }

    func step() throws(Violation) {
        trace.nextStep()
        tick()
        switch dice.weighted(Self.weights) {
        case 0:
            let shard = dice.weighted(shardWeights)
            if machine.seats[shard].stalledUntil <= trace.step { try stepShard(shard) }
        case 1: try stepDisk()
        case 2: try stepClient()
        default: try stepTrouble()
        }
        try stepMirror()
        try stepFollower()
        try look()
    }

    /// Shards, disk, clients, trouble.
    private static let weights = [680, 180, 110, 30]

    /// What has to hold after every step.
    func look() throws(Violation) {
        try watch.update(machine.counters, step: trace.step) { slot in
            slot <= model.offers.count ? Int(model.offers[slot - 1].stock) : 0
        }
    }

    private func tick() {
        if scenario.tickMsMax > 0 { clockMs += UInt64(dice.below(scenario.tickMsMax + 1)) }
        if !isCalm && dice.chance(scenario.leapPerMille) { clockMs += UInt64(dice.below(scenario.holdMsMax * 2)) }
        if scenario.forgets && !isCalm && dice.chance(scenario.retainLeapPerMille) {
            clockMs += UInt64(dice.below(Int(retainMs) * 3 / 2))
        }
    }

    /// A server may be started again with another retention time.
    func drawRetention() {
        if scenario.forgets && !isCalm && dice.chance(500) { retainMs = dice.pick(scenario.retains) }
    }

    /// What may happen at any moment: a crash, a lost connection, shards that change their speed, a snapshot.
    private func stepTrouble() throws(Violation) {
        if isCalm { return }
        if faultDice.chance(scenario.fullPerMille) { isDiskFull.toggle() }
        // A crash with nothing on its way to the disk has little to spoil.
        let isWorth = !writes.isEmpty || dice.chance(300)
        if dice.below(300) < scenario.crashesPer10kSteps && isWorth { return try crash() }
        if dice.chance(scenario.connectionLossPerMille * 30) { return loseConnection(dice.below(clients.count)) }
        if dice.chance(30) { drawWeights() }
        if dice.chance(scenario.snapshotPerMille) { try takeSnapshot() }
    }

    func drawWeights() {
        shardWeights = (0..<machine.shards).map { _ in isCalm ? 1 : dice.pick([2, 2, 3, 10]) }
    }
}

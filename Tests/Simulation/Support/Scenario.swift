import Log

/// What one seed draws before anything happens: sizes, how the disk and the clock behave, how often what goes
/// wrong. Small sizes, since what is rare at full size is common here.
struct Scenario {
    var mode: FsyncMode
    var shards: Int
    var shardsMax: Int
    var blockSizeMaxBytes: Int
    var secondWriteMinBytes: Int
    var segmentSizeBytes: Int
    var ringCapacityBytes: Int
    var turnEntriesMax: Int
    var assembliesMax: Int

    var usersMax: Int
    var ordersMax: Int
    var tombstonesMax: Int
    var transactionsMax: Int
    var couponsMax: Int
    var couponOperationsMax: Int
    var salesMax: Int
    var checkoutsMax: Int
    var catalogueOperationsMax: Int
    /// How long ids are remembered; if that is not long, also what it may be in the next life, how often the clock
    /// leaps by as much, and how long sales and policies go on.
    var retainMs: UInt64
    var retains: [UInt64] = []
    var forgets: Bool { !retains.isEmpty }
    var retainLeapPerMille = 0
    var offerMsMax = 5000

    var users: Int
    var clients: Int
    var framesInFlightMax: Int
    var batchMax: Int
    var quantityMax: Int
    var stockMax: Int
    var holdMsMax: Int
    var graceMs: UInt64
    /// Of all questions, how many of a hundred are cancels, and how many restocks.
    var cancelWeight: Int
    var restockWeight: Int
    /// For each hundred questions about sales and orders, how many about coupons, points and checkouts.
    var couponWeight: Int
    var pointWeight: Int
    var checkoutWeight: Int

    /// The clock moves this much in a step at most, and leaps now and then.
    var tickMsMax: Int
    var leapPerMille: Int
    /// How likely a write or a sync that is under way gets done in a step.
    var diskPerMille: Int
    /// How likely a part of a turn that may be left out is.
    var skipPerMille: Int
    /// How likely a shard stops in the middle of a take, for others to run past it.
    var stallPerMille: Int
    var crashesPer10kSteps: Int
    var powerLossPerMille: Int
    var recoveryCrashPerMille: Int
    var reshardPerMille: Int
    var connectionLossPerMille: Int
    /// Of what may happen at any moment, how much is a snapshot; and how likely a start finds the newest one damaged.
    var snapshotPerMille: Int
    var snapshotDamagePerMille: Int
    /// How likely what the disk gets done fails instead; how likely one of the calls of a start, a snapshot or a
    /// segment that is prepared does; how likely a start finds a block damaged that had been durable.
    var diskFaultPer10k = 0
    var callFaultPerMille = 0
    var damagePerMille = 0
    /// How likely the wall clock is behind after a crash, and how likely the disk gets full, or has room again.
    var clockBackPerMille = 0
    var fullPerMille = 0

    /// The dice of retention are others, so that it changes nothing of seeds in which nothing is forgotten.
    init(_ dice: inout Dice, seed: UInt64) {
        mode = [FsyncMode.always, .always, .always, .everysec, .no][dice.below(5)]
        // Capacities are shared out with room to spare: only one shard gets a small one as it is.
        let isSmall = dice.chance(60)
        shardsMax = isSmall ? 1 : 4
        shards = dice.pick(1...shardsMax)
        blockSizeMaxBytes = dice.pick([4096, 8192, 16384, 65536])
        secondWriteMinBytes = dice.pick([0, 256, 1024])
        segmentSizeBytes = max(2 * blockSizeMaxBytes, dice.pick([32768, 65536, 131_072, 1 << 20]))
        ringCapacityBytes = dice.pick([1 << 19, 1 << 21])
        turnEntriesMax = dice.pick([1, 10, 2048, 2048])
        assembliesMax = dice.pick([4, 64, 64])

        usersMax = isSmall ? 40 : 8192
        ordersMax = isSmall ? 200 : 8192
        tombstonesMax = isSmall ? 4 : 1024
        transactionsMax = isSmall ? 60 : 4096
        couponsMax = isSmall ? 60 : 4096
        couponOperationsMax = isSmall ? 30 : 4096
        checkoutsMax = isSmall ? 20 : 2048
        salesMax = dice.pick(2...12)
        catalogueOperationsMax = isSmall ? salesMax + 3 : 256
        retainMs = 7 * 24 * 3600 * 1000

        users = dice.pick([2, 6, 20, 60])
        clients = dice.pick(2...6)
        framesInFlightMax = dice.pick([1, 4, 8])
        batchMax = dice.pick([1, 6, 40, 120])
        stockMax = dice.pick([6, 20, 60, 200])
        // Orders of about a stripe's worth are those for which units have to be gathered.
        quantityMax = dice.pick([1, 3, 9, max(2, stockMax / 3)])
        holdMsMax = dice.pick([40, 500, 20_000])
        cancelWeight = dice.pick([8, 13, 30])
        restockWeight = dice.pick([3, 12])
        graceMs = UInt64(dice.pick([0, 30, 400]))

        tickMsMax = dice.pick([0, 1, 1, 4])
        leapPerMille = dice.pick([0, 2, 10])
        diskPerMille = dice.pick([50, 150, 600])
        skipPerMille = dice.pick([0, 100, 400])
        stallPerMille = dice.pick([0, 60, 250])
        crashesPer10kSteps = dice.pick([3, 10, 25])
        powerLossPerMille = dice.pick([200, 600, 1000])
        recoveryCrashPerMille = dice.pick([0, 200, 500])
        reshardPerMille = dice.pick([0, 300, 700])
        connectionLossPerMille = dice.pick([0, 2, 10])

        couponWeight = dice.pick([0, 40, 100])
        pointWeight = dice.pick([0, 40, 80])
        checkoutWeight = dice.pick([0, 60, 150])

        snapshotPerMille = dice.pick([0, 15, 60])
        snapshotDamagePerMille = dice.pick([0, 0, 300])

        var retention = Dice(seed: ~seed)
        if retention.chance(350) { drawRetention(&retention, isSmall: isSmall) }
        drawFaults(seed: seed)
    }

    /// From dice of their own, so that a seed draws the same of everything else whatever faults there are.
    private mutating func drawFaults(seed: UInt64) {
        var dice = Dice(seed: seed, part: Dice.faultsPart)
        diskFaultPer10k = dice.pick([0, 0, 10, 60])
        callFaultPerMille = dice.pick([0, 100, 400])
        damagePerMille = dice.pick([0, 0, 200, 700])
        clockBackPerMille = dice.pick([0, 0, 500])
        fullPerMille = dice.pick([0, 0, 0, 40])
    }

    /// Everything is over soon, and there is more to come: offers that have left count against the catalogue's table.
    private mutating func drawRetention(_ dice: inout Dice, isSmall: Bool) {
        retains = dice.pick([[300], [1000], [4000], [20_000], [300, 4000], [1000, 20_000]])
        retainMs = retains[0]
        retainLeapPerMille = dice.pick([1, 3, 6])
        offerMsMax = dice.pick([500, 3000, 20_000])
        salesMax = dice.pick([16, 40])
        catalogueOperationsMax = isSmall ? salesMax + 3 : 256
    }

    var description: String {
        "fsync \(mode.rawValue), \(shards) shards, blocks of \(blockSizeMaxBytes), second writes from "
            + "\(secondWriteMinBytes) bytes, segments of \(segmentSizeBytes), "
            + "rings of \(ringCapacityBytes), \(turnEntriesMax) entries a turn, \(users) users, \(clients) clients, "
            + "\(couponWeight), \(pointWeight) and \(checkoutWeight) questions about coupons, points and checkouts "
            + "for 100 about sales, "
            + "batches of \(batchMax), quantities to \(quantityMax), stock to \(stockMax), holds to \(holdMsMax) ms, "
            + "disk \(diskPerMille) per mille, \(crashesPer10kSteps) crashes in 10,000 steps, "
            + "snapshots \(snapshotPerMille) per mille, ids remembered for \(forgets ? retains : [retainMs]) ms, "
            + "\(diskFaultPer10k) failures of the disk in 10,000, \(callFaultPerMille) per mille of calls, "
            + "damage \(damagePerMille) per mille, clock behind \(clockBackPerMille), disk full \(fullPerMille)"
    }
}

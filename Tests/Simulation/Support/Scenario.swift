import Log

/// What one seed draws before anything happens: sizes, how the disk and the clock behave, how often what goes
/// wrong. Small sizes, since what is rare at full size is common here.
struct Scenario {
    var mode: FsyncMode
    var shards: Int
    var shardsMax: Int
    var blockSizeMaxBytes: Int
    var segmentSizeBytes: Int
    var ringCapacityBytes: Int
    var turnEntriesMax: Int

    var usersMax: Int
    var ordersMax: Int
    var tombstonesMax: Int
    var salesMax: Int
    var catalogueOperationsMax: Int
    var retainMs: UInt64

    var users: Int
    var clients: Int
    var framesInFlightMax: Int
    var batchMax: Int
    var quantityMax: Int
    var stockMax: Int
    var holdMsMax: Int
    var graceMs: UInt64

    /// The clock moves this much in a step at most, and leaps now and then.
    var tickMsMax: Int
    var leapPerMille: Int
    /// How likely a write or a sync that is under way gets done in a step.
    var diskPerMille: Int
    /// How likely a part of a turn that may be left out is.
    var skipPerMille: Int
    var crashesPer10kSteps: Int
    var powerLossPerMille: Int
    var recoveryCrashPerMille: Int
    var reshardPerMille: Int
    var connectionLossPerMille: Int

    init(_ dice: inout Dice) {
        mode = [FsyncMode.always, .always, .always, .everysec, .no][dice.below(5)]
        // Capacities are shared out with room to spare: only one shard gets a small one as it is.
        let isSmall = dice.chance(100)
        shardsMax = isSmall ? 1 : 4
        shards = dice.pick(1...shardsMax)
        blockSizeMaxBytes = dice.pick([4096, 8192, 16384, 65536])
        segmentSizeBytes = max(2 * blockSizeMaxBytes, dice.pick([32768, 65536, 131_072, 1 << 20]))
        ringCapacityBytes = dice.pick([1 << 19, 1 << 21])
        turnEntriesMax = dice.pick([1, 3, 10, 2048])

        usersMax = isSmall ? 40 : 8192
        ordersMax = isSmall ? 60 : 8192
        tombstonesMax = isSmall ? 4 : 1024
        salesMax = dice.pick(2...6)
        catalogueOperationsMax = isSmall ? salesMax + 3 : 256
        retainMs = 7 * 24 * 3600 * 1000

        users = dice.pick([2, 6, 20, 60])
        clients = dice.pick(2...6)
        framesInFlightMax = dice.pick([1, 2, 4])
        batchMax = dice.pick([1, 4, 12, 40])
        quantityMax = dice.pick([1, 2, 4, 9])
        stockMax = dice.pick([4, 12, 40, 150])
        holdMsMax = dice.pick([20, 200, 3000])
        graceMs = UInt64(dice.pick([0, 30, 400]))

        tickMsMax = dice.pick([0, 1, 4])
        leapPerMille = dice.pick([0, 2, 10])
        diskPerMille = dice.pick([30, 120, 400])
        skipPerMille = dice.pick([0, 200, 600])
        crashesPer10kSteps = dice.pick([5, 15, 40])
        powerLossPerMille = dice.pick([200, 600, 1000])
        recoveryCrashPerMille = dice.pick([0, 200, 500])
        reshardPerMille = dice.pick([0, 300, 700])
        connectionLossPerMille = dice.pick([0, 2, 10])
    }

    var description: String {
        "fsync \(mode.rawValue), \(shards) shards, blocks of \(blockSizeMaxBytes), segments of \(segmentSizeBytes), "
            + "rings of \(ringCapacityBytes), \(turnEntriesMax) entries a turn, \(users) users, \(clients) clients, "
            + "batches of \(batchMax), quantities to \(quantityMax), stock to \(stockMax), holds to \(holdMsMax) ms, "
            + "disk \(diskPerMille) per mille, \(crashesPer10kSteps) crashes in 10,000 steps"
    }
}

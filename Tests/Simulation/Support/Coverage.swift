/// What a run has tried: a fault that never happened proves nothing.
public struct Coverage: Sendable {
    public enum Kind: Int, CaseIterable, Sendable {
        case steps, kills, powerLosses, recoveryCrashes, prepareCrashes, restarts, reshardings, tornTails
        case segmentSwitches, outOfOrderCompletions, syncs, marks
        case ordersAccepted, repeats, soldOut, limitExceeded, idReused, tombstones, ordersAfterTombstone
        case confirms, lateConfirms, lateConfirmsRefused, cancels, refunds, extends, expiries, graces
        case restocks, closings, gathers, gathersRolledBack, takesWaited, splitFrames, pauses, pausesInPlace, runs
        case repliesMeanwhile, busy, capacity
        case couponsIssued, exhausted, alreadyIssued, couponUses, couponRestores, alreadyUsed, notUsed, couponsExpired
        case minPurchases, notOwners
        case earnings, pointUses, insufficientBalances, transactionsCancelled, alreadySpent, balancesChecked
        case checkoutsPlaced, checkoutsWithCoupon, checkoutsWithPoints, checkoutsEarning, checkoutsConfirmed
        case lateCheckouts, lateCheckoutsRefused, checkoutsExpired
        case heldCheckoutsCancelled, confirmedCheckoutsCancelled, expiredCheckoutsCancelled, checkoutTombstones
        case checkoutEarningsSpent, refusedByLine, refusedByCoupon, refusedByPoints, refusedByEarning, refusedByPartId
        case partsOfCheckouts, idsOfParts, jointTakes, jointTakesPutBack, checkoutsCut
        case snapshots, snapshotCrashes, snapshotsDamaged, startsFromSnapshots, segmentsCovered
        case ordersRetired, checkoutsRetired, transactionsRetired, couponsRetired, couponOperationsRetired
        case tombstonesRetired, offersRetired, retirementsCut, tooOld, forgottenAnswers, acceptedAnew, allForgotten
        case saleOrdersListed
        case mirrorWrites, mirrorErrors, mirrorRewrites, mirrorRepairs, redisFailovers, lateCommands, mirrorsCompared
        case eventsStreamed, streamGaps, streamsCompared
        case writesFailed, syncsFailed, startsFailed, snapshotFailures, prepareFailures, clocksSetBack
        case damagesRefused, damagesHarmless, noSpace, endsWithoutSpace
        case eventsFollowed, followersTrimmed, followersCompared, blocksNotFollowed
        case malformed, connectionsLost, factsChecked, crashPointsChecked

        var name: String {
            switch self {
            case .steps: "steps"
            case .kills: "kills"
            case .powerLosses: "power losses"
            case .recoveryCrashes: "crashes in recovery"
            case .prepareCrashes: "crashes while a segment is prepared"
            case .restarts: "restarts"
            case .reshardings: "reshardings"
            case .tornTails: "torn tails"
            case .segmentSwitches: "segment switches"
            case .outOfOrderCompletions: "writes completed out of order"
            case .syncs: "syncs"
            case .marks: "marks of idle shards"
            case .ordersAccepted: "orders accepted"
            case .repeats: "repeats"
            case .soldOut: "sold out answers"
            case .limitExceeded: "limit exceeded answers"
            case .idReused: "ids with other content"
            case .tombstones: "tombstones"
            case .ordersAfterTombstone: "orders and transactions after their cancel"
            case .confirms: "confirms"
            case .lateConfirms: "late confirms"
            case .lateConfirmsRefused: "late confirms refused"
            case .cancels: "cancels"
            case .refunds: "refunds"
            case .extends: "extends"
            case .expiries: "expiries"
            case .graces: "graces"
            case .restocks: "restocks"
            case .closings: "closings"
            case .gathers: "gathers"
            case .gathersRolledBack: "gathers rolled back"
            case .takesWaited: "takes that waited for another"
            case .splitFrames: "frames split among shards"
            case .pauses: "pauses within a frame"
            case .runs: "runs of frames"
            case .pausesInPlace: "pauses of frames whose reply had its place"
            case .repliesMeanwhile: "catalogue replies while a frame paused"
            case .busy: "busy answers"
            case .capacity: "capacity answers"
            case .couponsIssued: "coupons issued"
            case .exhausted: "exhausted answers"
            case .alreadyIssued: "already issued answers"
            case .couponUses: "coupons used"
            case .couponRestores: "coupons restored"
            case .alreadyUsed: "uses of used coupons"
            case .notUsed: "restores of unused coupons"
            case .couponsExpired: "uses of expired coupons"
            case .minPurchases: "uses for too little"
            case .notOwners: "operations on another's coupon"
            case .earnings: "earnings"
            case .pointUses: "uses of points"
            case .insufficientBalances: "uses of more than there was"
            case .transactionsCancelled: "transactions cancelled"
            case .alreadySpent: "cancels of spent earnings"
            case .balancesChecked: "balances and histories checked"
            case .checkoutsPlaced: "checkouts placed"
            case .checkoutsWithCoupon: "of them with a coupon"
            case .checkoutsWithPoints: "with points"
            case .checkoutsEarning: "with points to earn"
            case .checkoutsConfirmed: "checkouts confirmed"
            case .lateCheckouts: "checkouts confirmed late"
            case .lateCheckoutsRefused: "late confirms of checkouts refused"
            case .checkoutsExpired: "checkouts expired"
            case .heldCheckoutsCancelled: "held checkouts cancelled"
            case .confirmedCheckoutsCancelled: "confirmed ones cancelled"
            case .expiredCheckoutsCancelled: "expired ones cancelled"
            case .checkoutTombstones: "checkouts after their cancel"
            case .checkoutEarningsSpent: "cancels of checkouts whose earnings are spent"
            case .refusedByLine: "checkouts refused by a line"
            case .refusedByCoupon: "by the coupon"
            case .refusedByPoints: "by the points to use"
            case .refusedByEarning: "by the points to earn"
            case .refusedByPartId: "by the id of a part"
            case .partsOfCheckouts: "part of checkout answers"
            case .idsOfParts: "ids of parts of checkouts reused"
            case .jointTakes: "takes of several sales"
            case .jointTakesPutBack: "sales put back by them"
            case .checkoutsCut: "checkouts undone by a crash"
            case .snapshots: "snapshots"
            case .snapshotCrashes: "crashes while one is made"
            case .snapshotsDamaged: "starts from the older of two"
            case .startsFromSnapshots: "starts from a snapshot of a running log"
            case .segmentsCovered: "segments covered"
            case .ordersRetired: "orders forgotten"
            case .checkoutsRetired: "checkouts"
            case .transactionsRetired: "transactions"
            case .couponsRetired: "coupons"
            case .couponOperationsRetired: "operations on coupons"
            case .tombstonesRetired: "tombstones"
            case .offersRetired: "sales and policies"
            case .retirementsCut: "forgettings undone by a crash"
            case .tooOld: "ids refused by their age"
            case .forgottenAnswers: "answers about what was forgotten"
            case .acceptedAnew: "forgotten ids accepted again"
            case .allForgotten: "ends at which all was forgotten that was over"
            case .saleOrdersListed: "orders in lists of a sale"
            case .mirrorWrites: "offers mirrored"
            case .mirrorErrors: "faults of Redis"
            case .mirrorRewrites: "mirrors made anew"
            case .mirrorRepairs: "keys of them repaired"
            case .redisFailovers: "failovers to an older state"
            case .lateCommands: "commands done late"
            case .mirrorsCompared: "mirrors compared with the log"
            case .writesFailed: "writes that failed"
            case .syncsFailed: "syncs that failed"
            case .startsFailed: "starts that a call failed"
            case .snapshotFailures: "snapshots that one failed"
            case .prepareFailures: "segments that one failed"
            case .clocksSetBack: "clocks set back"
            case .damagesRefused: "damages refused by a start"
            case .damagesHarmless: "damages to what no start needs"
            case .noSpace: "no space answers"
            case .endsWithoutSpace: "holds ended without space"
            case .eventsFollowed: "events followed"
            case .followersTrimmed: "followers behind the log's beginning"
            case .followersCompared: "followers compared with the log"
            case .blocksNotFollowed: "blocks undone by a crash that nobody had followed"
            case .eventsStreamed: "events in the stream"
            case .streamGaps: "gaps of it"
            case .streamsCompared: "streams compared with the log"
            case .malformed: "malformed entries"
            case .connectionsLost: "connections lost"
            case .factsChecked: "facts checked after a crash"
            case .crashPointsChecked: "crash points weighed"
            }
        }
    }

    private var counts = Array(repeating: 0, count: Kind.allCases.count)

    public init() {}

    public subscript(_ kind: Kind) -> Int {
        get { counts[kind.rawValue] }
        set { counts[kind.rawValue] = newValue }
    }

    public mutating func add(_ other: Coverage) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    public var line: String {
        Kind.allCases.map { "\(self[$0]) \($0.name)" }.joined(separator: ", ")
    }

    /// What happened less often than so many seeds have to bring about: seeds that never came there have shown nothing
    /// about it. Each kind has to happen once; those of which a hundred seeds bring many, half as often as they do.
    public func tooRare(after seeds: Int) -> [String] {
        Kind.allCases.compactMap { kind in
            let wanted = max(1, (Self.inHundredSeeds[kind] ?? 0) * seeds / 200)
            return self[kind] < wanted ? "\(kind.name) (\(self[kind]) of \(wanted))" : nil
        }
    }

    /// How often something happens in a hundred seeds, at the least.
    private static let inHundredSeeds: [Kind: Int] = [
        .pauses: 120, .snapshots: 60, .snapshotCrashes: 6, .startsFromSnapshots: 35, .snapshotsDamaged: 2,
        .segmentsCovered: 6,
        .couponsIssued: 600, .couponRestores: 12, .exhausted: 60, .alreadyIssued: 12,
        .pointUses: 60, .transactionsCancelled: 25,
        .checkoutsPlaced: 180, .checkoutsWithCoupon: 12, .checkoutsWithPoints: 36, .checkoutsEarning: 60,
        .checkoutsConfirmed: 5, .lateCheckouts: 10, .lateCheckoutsRefused: 1, .checkoutsExpired: 70,
        .heldCheckoutsCancelled: 4, .confirmedCheckoutsCancelled: 7, .expiredCheckoutsCancelled: 12,
        .checkoutTombstones: 12, .checkoutEarningsSpent: 1, .refusedByLine: 360, .refusedByCoupon: 25,
        .refusedByPoints: 100, .refusedByEarning: 70, .refusedByPartId: 2, .partsOfCheckouts: 50,
        .idsOfParts: 10, .jointTakes: 250, .jointTakesPutBack: 60, .checkoutsCut: 12,
        .ordersRetired: 60, .checkoutsRetired: 10, .transactionsRetired: 120, .couponsRetired: 18,
        .couponOperationsRetired: 6, .tombstonesRetired: 60, .offersRetired: 36, .retirementsCut: 12,
        .tooOld: 60, .forgottenAnswers: 60, .acceptedAnew: 1, .allForgotten: 7,
    ]
}

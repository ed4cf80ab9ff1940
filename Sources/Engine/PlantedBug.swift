/// Bugs that a test plants on purpose, to show that the simulator catches what it claims to catch.
///
/// In a release build without `-DPLANTED_BUGS` every question answers no at compile time.
public enum PlantedBug: String, CaseIterable, Sendable {
    case replyBeforeDurable = "reply-before-durable"
    case releaseBeforeDurable = "release-before-durable"
    case noWaitForGathers = "no-wait-for-gathers"
    case idForgottenAfterRestart = "id-forgotten-after-restart"
    case tornTailAccepted = "torn-tail-accepted"
    case couponIssuedTwiceAfterRestart = "coupon-issued-twice-after-restart"
    case pointsToTheWrongLot = "points-to-the-wrong-lot"
    case couponKeptAfterRestart = "coupon-kept-after-restart"
    case lateConfirmWithoutPoints = "late-confirm-without-points"
    case idForgottenTooEarly = "id-forgotten-too-early"
    case retiredUnitsSoldAgain = "retired-units-sold-again"
    case saleRetiredBeforeItsOrders = "sale-retired-before-its-orders"
    case staleMirrorWins = "stale-mirror-wins"
    case segmentNameNotSynced = "segment-name-not-synced"
    case cutNotDurable = "cut-not-durable"
    case cacheBelieved = "cache-believed"
    case olderBaseNotKept = "older-base-not-kept"
    case soldOutFromOwnStripe = "sold-out-from-own-stripe"
    case endsNeedSpace = "ends-need-space"
    case damageTakenForTail = "damage-taken-for-tail"
    case followerSkipsBlocks = "follower-skips-blocks"
    case tombstonesNotKept = "tombstones-not-kept"
    case streamBeginsAtCut = "stream-begins-at-cut"
    case replyRoomNotReturned = "reply-room-not-returned"

    #if DEBUG || PLANTED_BUGS
    /// Set before any shard runs, never while one does.
    nonisolated(unsafe) public static var planted: PlantedBug?

    /// Whether bugs can be planted in this build.
    public static let isPossible = true

    /// Plants a bug, or none.
    public static func plant(_ bug: PlantedBug?) { planted = bug }

    @inline(__always)
    public var isPlanted: Bool { PlantedBug.planted == self }
    #else
    public static let isPossible = false

    /// Does nothing: in this build there is nothing to plant.
    public static func plant(_ bug: PlantedBug?) {}

    @inlinable @inline(__always)
    public var isPlanted: Bool { false }
    #endif
}

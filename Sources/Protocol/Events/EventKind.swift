/// What the log is made of: facts, never commands. Replaying them decides nothing.
///
/// Every event begins alike, and its size is a multiple of eight:
///
///      0    1     2      4          8        16
///     +----+-----+------+----------+--------+----
///     |kind|flags| size | quantity | time   | ...      time: ms since 1970
///     +----+-----+------+----------+--------+----
public enum EventKind: UInt8, CaseIterable, Sendable {
    case orderPlaced = 1
    case orderConfirmed = 2
    case orderCancelled = 3
    case orderExpired = 4
    case orderExtended = 5
    case tombstonePlaced = 6
    case holdsGraced = 7

    case pointsEarned = 8
    case pointsUsed = 9
    case transactionCancelled = 10
    /// The reason of the earning or use before it.
    case transactionReasoned = 11

    case couponIssued = 12
    case couponUsed = 13
    case couponRestored = 14

    case saleCreated = 16
    case saleRestocked = 17
    case saleClosed = 18
    case policyCreated = 19
    case policyRestocked = 20
    case policyClosed = 21
    /// A sale has left memory: before that all its orders have, on every shard.
    case saleRetired = 22
    /// A policy, behind all its coupons.
    case policyRetired = 23

    case checkoutPlaced = 24
    case checkoutConfirmed = 25
    case checkoutCancelled = 26
    case checkoutExpired = 27

    /// What an id stands for has left memory.
    case retired = 28

    /// An order as a snapshot keeps it: its state in place of its history.
    case orderKept = 32
    /// A sale as a snapshot keeps it.
    case saleKept = 33
    /// A restock as a snapshot keeps it: the id and what it was, its units are in the sale's stock.
    case catalogueOperationKept = 34
    /// An earning or a use as a snapshot keeps it.
    case transactionKept = 35
    /// What the use kept before it took from one lot.
    case takingKept = 36
    /// A policy as a snapshot keeps it.
    case policyKept = 37
    /// A checkout as a snapshot keeps it: its orders and transactions are kept before it, as all others are; the use
    /// of its coupon with it.
    case checkoutKept = 40
    /// Units that orders or coupons had which have left.
    case unitsRetiredKept = 38
    /// An offer that has left: its id is never used again.
    case offerRetiredKept = 39
    /// A use or a restore of a coupon as a snapshot keeps it.
    case couponOperationKept = 41
    /// The youngest mint time of an id that was forgotten.
    case idsForgottenKept = 42

    /// The size of such an event in bytes.
    @inlinable
    public var sizeBytes: Int {
        switch self {
        case .orderPlaced, .orderKept, .transactionReasoned, .transactionKept: 64
        case .orderConfirmed, .orderCancelled, .orderExpired, .tombstonePlaced, .transactionCancelled, .retired: 32
        case .pointsUsed, .takingKept, .couponRestored: 48
        case .pointsEarned, .couponIssued: 56
        case .couponUsed, .couponOperationKept: 80
        case .orderExtended, .unitsRetiredKept: 40
        case .holdsGraced, .saleClosed, .policyClosed, .saleRetired, .policyRetired, .offerRetiredKept,
            .idsForgottenKept:
            24
        case .saleCreated: 160
        case .saleRestocked, .policyRestocked, .catalogueOperationKept: 48
        case .saleKept, .policyCreated: 176
        case .policyKept: 192
        case .checkoutPlaced, .checkoutKept: 104
        case .checkoutConfirmed, .checkoutCancelled, .checkoutExpired: 32
        }
    }

    /// Whether only snapshots hold such a record: it is a state, and no log has it.
    @inlinable
    public var isOfSnapshot: Bool { rawValue >= EventKind.orderKept.rawValue }

    /// Whether the event belongs to one user (found by the partition in its first id), and not to the
    /// catalogue or to the shard as a whole.
    @inlinable
    public var isOfPartition: Bool {
        switch self {
        case .orderPlaced, .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended, .tombstonePlaced,
            .orderKept, .pointsEarned, .pointsUsed, .transactionCancelled, .transactionReasoned, .transactionKept,
            .takingKept, .couponIssued, .couponUsed, .couponRestored, .couponOperationKept, .retired,
            .checkoutPlaced, .checkoutConfirmed, .checkoutCancelled, .checkoutExpired, .checkoutKept:
            true
        default: false
        }
    }

    @inlinable
    public var isOfCatalogue: Bool {
        switch self {
        case .saleCreated, .saleRestocked, .saleClosed, .saleKept, .policyCreated, .policyRestocked, .policyClosed,
            .policyKept, .catalogueOperationKept, .saleRetired, .policyRetired, .unitsRetiredKept, .offerRetiredKept:
            true
        default: false
        }
    }
}

/// What it was that has left memory, as `retired` says.
public enum RetiredKind: UInt8, CaseIterable, Sendable {
    case order = 0
    case tombstone = 1
    case transaction = 3
    case coupon = 4
    case couponOperation = 5
    case checkout = 6
}

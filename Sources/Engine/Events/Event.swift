import Protocol

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

/// Field offsets of events. The first sixteen bytes are common to all.
///
///     orderPlaced       16 order id  32 user id  48 sale  56 deadline (0: confirmed at once)   quantity: units
///     orderKept         16 order id  32 user id  48 sale  56 deadline          flags: state | late << 4
///                       (of one that is not held: when it was last changed)
///     orderConfirmed    16 order id                                            flags: 1 late
///     orderCancelled    16 order id
///     orderExpired      16 order id
///     orderExtended     16 order id  32 deadline
///     tombstonePlaced   16 order id
///     holdsGraced       16 not before: no open hold of this log ends earlier
///     pointsEarned      16 transaction id  32 user id  48 expires (0: never)   quantity: points
///     pointsUsed        16 transaction id  32 user id                          quantity: points
///     transactionCancelled  16 transaction id
///     transactionReasoned   16 transaction id  32 reason (32)
///     transactionKept   as pointsEarned, then 56 remaining (4)                 flags: kind | cancelled << 4
///     takingKept        16 id of the use  32 id of the earning                 quantity: points
///     couponIssued      16 coupon id  32 user id  48 policy
///     couponUsed        16 id of the use  32 coupon id  48 order id  64 purchase amount  72 discount
///     couponRestored    16 operation id  32 coupon id
///     couponOperationKept   as couponUsed                                      flags: kind | in effect << 4
///     checkoutPlaced    16 checkout id  32 user id  48 coupon id (zero: none)  64 subtotal  72 discount
///                       80 earning expires (0: never)  88 points used (4)  92 points to earn (4)
///                       96 deadline (0: confirmed at once)                   quantity: orders, whose events come
///                                                                            right before this one
///     checkoutKept      as checkoutPlaced
///     checkoutConfirmed 16 checkout id                                       flags: 1 late
///     checkoutCancelled 16 checkout id
///     checkoutExpired   16 checkout id
///     saleCreated       16 operation id  32 sale  40 stock  48 starts  56 ends  64 unit price
///                       72 limit (4)  76 hold (4)  80 name (80)
///     saleKept          as saleCreated, then 160 stock now  168 closed         flags: 1 closed
///     saleRestocked     16 operation id  32 sale  40 units
///     saleClosed        16 sale
///     policyCreated     16 operation id  32 policy  40 coupons  48 valid from  56 valid until  64 discount
///                       72 limit (4)  76 kind of discount (4)  80 name (80)  160 most  168 least purchase
///     policyKept        as policyCreated, then 176 coupons now  184 closed     flags: 1 closed
///     policyRestocked   as saleRestocked
///     policyClosed      16 policy
///     retired           16 id                                                  flags: the kind of its record
///     saleRetired       16 sale
///     policyRetired     16 policy
///     unitsRetiredKept  16 sale or policy  24 held  32 sold                    flags: 0 of a sale, 1 of a policy
///     offerRetiredKept  16 sale or policy                                      flags: 0 of a sale, 1 of a policy
///     idsForgottenKept  16 mint time
///     catalogueOperationKept  as saleRestocked                                 flags: 0 of a sale, 1 of a policy
public enum EventField {
    public static let kind = 0
    public static let flags = 1
    public static let size = 2
    public static let quantity = 4
    public static let timeMs = 8
    public static let id = 16
    public static let userId = 32
    public static let orderSale = 48
    public static let orderDeadlineMs = 56
    public static let extendedDeadlineMs = 32
    public static let pointsExpireAtMs = 48
    public static let takingLotId = 32
    public static let remaining = 56
    public static let reason = 32
    public static let couponPolicy = 48
    public static let usedCoupon = 32
    public static let couponOrder = 48
    public static let purchaseAmount = 64
    public static let discount = 72
    public static let notBeforeMs = 16
    public static let checkoutCoupon = 48
    public static let checkoutSubtotal = 64
    public static let checkoutDiscount = 72
    public static let checkoutEarnExpiresAtMs = 80
    public static let checkoutPointsUsed = 88
    public static let checkoutPointsEarned = 92
    public static let checkoutDeadlineMs = 96
    public static let offer = 32
    public static let stock = 40
    public static let startsAtMs = 48
    public static let endsAtMs = 56
    public static let unitPrice = 64
    public static let perUserLimit = 72
    public static let holdMs = 76
    public static let discountKind = 76
    public static let name = 80
    public static let saleStockNow = 160
    public static let maxDiscount = 160
    public static let minPurchase = 168
    public static let policyStockNow = 176
    public static let saleClosedAtMs = 168
    public static let policyClosedAtMs = 184
    public static let retiredHeld = 24
    public static let retiredSold = 32
    public static let forgottenMintMs = 16
    public static let closedOffer = 16
    /// The largest event in bytes.
    public static let sizeMaxBytes = 192
}

/// The events of the operations since the last block, in the order of their LSNs.
///
/// The memory belongs to the log, which puts blocks around it; the engine fills it. Before it asks the
/// engine for anything, the caller makes sure that the events of one operation fit.
public struct EventBuffer {
    @usableFromInline var base: UnsafeMutableRawPointer
    /// Bytes filled and bytes there are.
    public private(set) var usedBytes: Int
    public let capacityBytes: Int
    /// The LSN of the next event: events of one log are numbered from 1.
    public private(set) var nextLsn: UInt64
    public private(set) var count: Int

    public init(base: UnsafeMutableRawPointer, capacityBytes: Int, nextLsn: UInt64) {
        self.base = base
        self.capacityBytes = capacityBytes
        self.nextLsn = nextLsn
        usedBytes = 0
        count = 0
    }

    /// Room for an operation: the most that one operation may log.
    public static let operationSizeMaxBytes = 2048

    @inline(__always)
    public var hasRoom: Bool { capacityBytes &- usedBytes >= Self.operationSizeMaxBytes }

    /// The LSN of the last event, in this buffer or before it.
    @inline(__always)
    public var lastLsn: UInt64 { nextLsn &- 1 }

    /// Appends an event of a kind with its common fields; the caller fills in the rest.
    @inline(__always)
    mutating func append(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64)
        -> UnsafeMutableRawPointer
    {
        let sizeBytes = kind.sizeBytes
        precondition(usedBytes &+ sizeBytes <= capacityBytes)
        let event = base + usedBytes
        let first =
            UInt64(kind.rawValue) | UInt64(flags) << 8 | UInt64(UInt16(truncatingIfNeeded: sizeBytes)) << 16
            | UInt64(quantity) << 32
        event.storeLE(first, EventField.kind)
        event.storeLE(timeMs, EventField.timeMs)
        usedBytes &+= sizeBytes
        nextLsn &+= 1
        count &+= 1
        return event
    }
}

extension Engine {
    /// Appends an event with its common fields; the caller fills in the rest.
    ///
    /// The only place that changes the buffer, and not mutating: for a change through a constant pointer of
    /// a noncopyable `inout self`, Swift 6.3 emits code under ThreadSanitizer that LLVM refuses.
    @inline(__always)
    func log(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64) -> UnsafeMutableRawPointer {
        events.pointee.append(kind, flags: flags, quantity: quantity, timeMs: timeMs)
    }
}

/// Why bytes that a checksum vouched for are still not an event.
public enum EventFault: Error, Equatable, Sendable {
    case unknownKind(UInt8)
    case wrongSize(kind: UInt8, sizeBytes: Int)
    case cutShort
    /// The event contradicts the state that the events before it built.
    case contradiction(String)
    /// The state does not fit into the tables as they are configured.
    case capacity(what: String, countMax: Int)
}

extension EventKind {
    /// The size that it had in the version of the log before this one, where that was another. What is new stands
    /// at the end, so that a shorter event is one that says nothing of it.
    var sizeBytesBefore: Int? {
        switch self {
        case .policyKept: 184
        case .transactionKept: 56
        default: nil
        }
    }

    /// Whether an event of this kind is one of the version before.
    func isOfVersionBefore(_ event: UnsafeRawPointer) -> Bool {
        sizeBytesBefore == Int(event.loadLE(EventField.size, as: UInt16.self))
    }

    /// Reads the kind and the size of the event at the start of `bytes`.
    public static func read(_ bytes: UnsafeRawBufferPointer) throws(EventFault) -> EventKind {
        guard bytes.count >= 16, let base = bytes.baseAddress else { throw .cutShort }
        let raw: UInt8 = base.loadLE(EventField.kind)
        guard let kind = EventKind(rawValue: raw) else { throw .unknownKind(raw) }
        let sizeBytes = Int(base.loadLE(EventField.size, as: UInt16.self))
        guard sizeBytes == kind.sizeBytes || sizeBytes == kind.sizeBytesBefore else {
            throw .wrongSize(kind: raw, sizeBytes: sizeBytes)
        }
        guard sizeBytes <= bytes.count else { throw .cutShort }
        return kind
    }
}

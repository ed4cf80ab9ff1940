// Entries of the catalogue that name an offer: a sale, or a policy that coupons are issued of. Each has its own
// operations, so that which of the two is meant follows from the operation.

/// Names an offer: get and close.
///
///     offset  size  field
///          0     8  offerId
public struct OfferIdEntry: WireStruct {
    public static let sizeBytes = 8

    public var offerId: UInt64

    @inlinable
    public init(offerId: UInt64) {
        self.offerId = offerId
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        offerId = bytes.loadLE(0)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(offerId, 0)
    }
}

/// Adds units to an offer: units of a sale's stock, coupons of a policy.
///
///     offset  size  field
///          0    16  operationId: UUID of partition 0
///         16     8  offerId
///         24     8  quantity: 1 ... 2^40 units
public struct RestockEntry: WireStruct {
    public static let sizeBytes = 32

    public var operationId: Id128
    public var offerId: UInt64
    public var quantity: UInt64

    @inlinable
    public init(operationId: Id128, offerId: UInt64, quantity: UInt64) {
        self.operationId = operationId
        self.offerId = offerId
        self.quantity = quantity
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        operationId = bytes.loadId(0)
        offerId = bytes.loadLE(16)
        quantity = bytes.loadLE(24)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(operationId, 0)
        bytes.storeLE(offerId, 16)
        bytes.storeLE(quantity, 24)
    }
}

/// Asks for a page of sales, or of policies, in the order of their creation.
///
///     offset  size  field
///          0     8  after: the last one of the page before, or 0 to begin
///          8     2  limit: 1 ... 1,000
///         10     1  stateMask: bit n: those in state n; 0: all
///         11     5  reserved: 0
public struct ListOffersEntry: WireStruct {
    public static let sizeBytes = 16

    public var after: UInt64
    public var limit: UInt16
    public var stateMask: UInt8

    @inlinable
    public init(after: UInt64, limit: UInt16, stateMask: UInt8) {
        self.after = after
        self.limit = limit
        self.stateMask = stateMask
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        after = bytes.loadLE(0)
        limit = bytes.loadLE(8)
        stateMask = bytes.loadLE(10)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(after, 0)
        bytes.storeLE(limit, 8)
        bytes.storeLE(stateMask, 10)
        bytes.storeLE(UInt32(0), 11)
        bytes.storeLE(UInt8(0), 15)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(11, as: UInt32.self) == 0 && bytes.loadLE(15, as: UInt8.self) == 0
    }
}

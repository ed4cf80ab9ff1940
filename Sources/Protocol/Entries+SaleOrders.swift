// Entries and results of the list of a sale's orders.

/// Where a list of a sale's orders goes on. To a client 8 bytes that it gives back as they are; 0 to begin.
///
///     bits   0 ..< 32  slot: of the order in its shard's memory that was looked at last
///           32 ..< 56  instance: the low bits of that of the server's run
///           56 ..< 64  shard
public struct SaleOrdersPosition: Equatable, Sendable {
    public var rawValue: UInt64

    public static let start = SaleOrdersPosition(rawValue: 0)

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable
    public init(instance: UInt64, shard: Int, slot: UInt32) {
        rawValue = UInt64(shard) << 56 | (instance & SaleOrdersPosition.instanceMask) << 32 | UInt64(slot)
    }

    @usableFromInline static let instanceMask: UInt64 = 1 << 24 - 1

    @inlinable
    public var shard: Int { Int(rawValue >> 56) }
    @inlinable
    public var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

    /// Whether it is of this run of the server.
    @inlinable
    public func isOf(_ instance: UInt64) -> Bool {
        rawValue >> 32 & SaleOrdersPosition.instanceMask == instance & SaleOrdersPosition.instanceMask
    }
}

/// Asks for a page of a sale's orders.
///
///     offset  size  field
///          0     8  saleId
///          8     8  after: the position of the last result of the page before, or zero to begin
///         16     2  limit: 1 ... 1,000
///         18     6  reserved: 0
public struct ListSaleOrdersEntry: WireStruct {
    public static let sizeBytes = 24

    public var saleId: UInt64
    public var after: SaleOrdersPosition
    public var limit: UInt16

    @inlinable
    public init(saleId: UInt64, after: SaleOrdersPosition, limit: UInt16) {
        self.saleId = saleId
        self.after = after
        self.limit = limit
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        saleId = bytes.loadLE(0)
        after = SaleOrdersPosition(rawValue: bytes.loadLE(8))
        limit = bytes.loadLE(16)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(saleId, 0)
        bytes.storeLE(after.rawValue, 8)
        bytes.storeLE(limit, 16)
        bytes.storeLE(UInt32(0), 18)
        bytes.storeLE(UInt16(0), 22)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(18, as: UInt32.self) == 0 && bytes.loadLE(22, as: UInt16.self) == 0
    }
}

/// An order of a sale, and where the list goes on behind it. With the code `NOT_FOUND` no order at all, only a
/// position: there was none of this sale among those that the request had looked at.
///
///     offset  size  field
///          0    64  order: an `OrderViewResult`
///         64     8  position
public struct SaleOrderResult: WireStruct {
    public static let sizeBytes = OrderViewResult.sizeBytes + 8

    public var order: OrderViewResult
    public var position: SaleOrdersPosition

    @inlinable
    public init(order: OrderViewResult, position: SaleOrdersPosition) {
        self.order = order
        self.position = position
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        order = OrderViewResult(bytes)
        position = SaleOrdersPosition(rawValue: bytes.loadLE(OrderViewResult.sizeBytes))
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        order.store(to: bytes)
        SaleOrderResult.store(position, to: bytes)
    }

    /// Changes the position of a result that has been stored.
    @inlinable
    public static func store(_ position: SaleOrdersPosition, to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(position.rawValue, OrderViewResult.sizeBytes)
    }
}

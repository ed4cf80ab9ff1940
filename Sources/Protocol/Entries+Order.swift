// Entries and results of orders.

/// Takes units of a sale for a user.
///
///     offset  size  field
///          0    16  orderId: UUID of the user's partition
///         16    16  userId: not 0
///         32     8  saleId
///         40     4  quantity: 1 ... 1,000,000
///         44     4  reserved: 0
public struct OrderEntry: WireStruct {
    public static let sizeBytes = 48

    public var orderId: Id128
    public var userId: Id128
    public var saleId: UInt64
    public var quantity: UInt32

    @inlinable
    public init(orderId: Id128, userId: Id128, saleId: UInt64, quantity: UInt32) {
        self.orderId = orderId
        self.userId = userId
        self.saleId = saleId
        self.quantity = quantity
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        orderId = bytes.loadId(0)
        userId = bytes.loadId(16)
        saleId = bytes.loadLE(32)
        quantity = bytes.loadLE(40)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(orderId, 0)
        bytes.storeId(userId, 16)
        bytes.storeLE(saleId, 32)
        bytes.storeLE(quantity, 40)
        bytes.storeLE(UInt32(0), 44)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(44, as: UInt32.self) == 0
    }
}

/// The decision on an order.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 held, 1 confirmed, 2 cancelled, 3 expired: now
///          3     1  flags: bit 0: a repeat; bit 1: confirmed late
///          4     4  quantity
///          8     8  createdAtMs: 0 after a refusal
///         16     8  expiresAtMs: while held, else 0
public struct OrderResult: WireStruct {
    public static let sizeBytes = 24

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var quantity: UInt32
    public var createdAtMs: UInt64
    public var expiresAtMs: UInt64

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, quantity: UInt32, createdAtMs: UInt64,
        expiresAtMs: UInt64
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.quantity = quantity
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        quantity = bytes.loadLE(4)
        createdAtMs = bytes.loadLE(8)
        expiresAtMs = bytes.loadLE(16)
    }

    @inlinable @inline(__always)
    public func store(to bytes: UnsafeMutableRawPointer) {
        // As whole words, since the checksum reads them as such right behind: see `ts_crc32c_words`.
        let first =
            UInt64(code.rawValue) | UInt64(state) << 16 | UInt64(flags) << 24 | UInt64(quantity) << 32
        bytes.storeLE(first, 0)
        bytes.storeLE(createdAtMs, 8)
        bytes.storeLE(expiresAtMs, 16)
    }
}

/// Names an order: confirm, cancel and get.
///
///     offset  size  field
///          0    16  orderId
public struct OrderIdEntry: WireStruct {
    public static let sizeBytes = 16

    public var orderId: Id128

    @inlinable
    public init(orderId: Id128) {
        self.orderId = orderId
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        orderId = bytes.loadId(0)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(orderId, 0)
    }
}

/// Prolongs a hold. Never shortens it.
///
///     offset  size  field
///          0    16  orderId
///         16     8  deadlineMs: ms since 1970, at most 49 days ahead
public struct ExtendEntry: WireStruct {
    public static let sizeBytes = 24

    public var orderId: Id128
    public var deadlineMs: UInt64

    @inlinable
    public init(orderId: Id128, deadlineMs: UInt64) {
        self.orderId = orderId
        self.deadlineMs = deadlineMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        orderId = bytes.loadId(0)
        deadlineMs = bytes.loadLE(16)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(orderId, 0)
        bytes.storeLE(deadlineMs, 16)
    }
}

/// Asks for a page of a user's orders, newest first.
///
///     offset  size  field
///          0    16  userId
///         16    16  after: the last order of the page before, or zero to begin
///         32     2  limit: 1 ... 1,000
///         34     6  reserved: 0
public struct ListUserOrdersEntry: WireStruct {
    public static let sizeBytes = 40

    public var userId: Id128
    public var after: Id128
    public var limit: UInt16

    @inlinable
    public init(userId: Id128, after: Id128, limit: UInt16) {
        self.userId = userId
        self.after = after
        self.limit = limit
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        userId = bytes.loadId(0)
        after = bytes.loadId(16)
        limit = bytes.loadLE(32)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(userId, 0)
        bytes.storeId(after, 16)
        bytes.storeLE(limit, 32)
        bytes.storeLE(UInt32(0), 34)
        bytes.storeLE(UInt16(0), 38)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(34, as: UInt32.self) == 0 && bytes.loadLE(38, as: UInt16.self) == 0
    }
}

/// An order as it is now. After a refusal that knows the order all fields are set; else only `code` and `orderId`.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 held, 1 confirmed, 2 cancelled, 3 expired
///          3     1  flags: bit 0: a repeat; bit 1: confirmed late; bit 2: a tombstone, the order never came
///          4     4  quantity
///          8    16  orderId
///         24    16  userId
///         40     8  saleId
///         48     8  createdAtMs
///         56     8  expiresAtMs: while held, else 0
public struct OrderViewResult: WireStruct {
    public static let sizeBytes = 64

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var quantity: UInt32
    public var orderId: Id128
    public var userId: Id128
    public var saleId: UInt64
    public var createdAtMs: UInt64
    public var expiresAtMs: UInt64

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, quantity: UInt32, orderId: Id128, userId: Id128,
        saleId: UInt64, createdAtMs: UInt64, expiresAtMs: UInt64
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.quantity = quantity
        self.orderId = orderId
        self.userId = userId
        self.saleId = saleId
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        quantity = bytes.loadLE(4)
        orderId = bytes.loadId(8)
        userId = bytes.loadId(24)
        saleId = bytes.loadLE(40)
        createdAtMs = bytes.loadLE(48)
        expiresAtMs = bytes.loadLE(56)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(quantity, 4)
        bytes.storeId(orderId, 8)
        bytes.storeId(userId, 24)
        bytes.storeLE(saleId, 40)
        bytes.storeLE(createdAtMs, 48)
        bytes.storeLE(expiresAtMs, 56)
    }
}

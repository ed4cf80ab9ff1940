// What creates a sale, and what shows one.

/// Puts a sale into the catalogue.
///
///     offset  size  field
///          0    16  operationId: UUID of partition 0
///         16     8  saleId: not 0, never reused
///         24     8  stock: 1 ... 2^40 units
///         32     8  startsAtMs: ms since 1970; 0: at once
///         40     8  endsAtMs: ms since 1970; 0: never; else after the start and after now
///         48     4  perUserLimit: units one user may hold and have; 0: none
///         52     4  holdMs: 0: an order confirms at once
///         56     8  unitPrice: smallest unit of the currency, below 2^53
///         64    80  name: length u16, then at most 78 bytes of UTF-8, then zeros
public struct CreateSaleEntry: WireStruct {
    public static let sizeBytes = 144

    public var operationId: Id128
    public var saleId: UInt64
    public var stock: UInt64
    public var startsAtMs: UInt64
    public var endsAtMs: UInt64
    public var perUserLimit: UInt32
    public var holdMs: UInt32
    public var unitPrice: UInt64
    public var name: Name

    @inlinable
    public init(
        operationId: Id128, saleId: UInt64, stock: UInt64, startsAtMs: UInt64, endsAtMs: UInt64,
        perUserLimit: UInt32, holdMs: UInt32, unitPrice: UInt64, name: Name
    ) {
        self.operationId = operationId
        self.saleId = saleId
        self.stock = stock
        self.startsAtMs = startsAtMs
        self.endsAtMs = endsAtMs
        self.perUserLimit = perUserLimit
        self.holdMs = holdMs
        self.unitPrice = unitPrice
        self.name = name
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        operationId = bytes.loadId(0)
        saleId = bytes.loadLE(16)
        stock = bytes.loadLE(24)
        startsAtMs = bytes.loadLE(32)
        endsAtMs = bytes.loadLE(40)
        perUserLimit = bytes.loadLE(48)
        holdMs = bytes.loadLE(52)
        unitPrice = bytes.loadLE(56)
        name = Name(bytes + 64)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(operationId, 0)
        bytes.storeLE(saleId, 16)
        bytes.storeLE(stock, 24)
        bytes.storeLE(startsAtMs, 32)
        bytes.storeLE(endsAtMs, 40)
        bytes.storeLE(perUserLimit, 48)
        bytes.storeLE(holdMs, 52)
        bytes.storeLE(unitPrice, 56)
        name.store(to: bytes + 64)
    }
}

/// A sale as it is at this moment. After a refusal only `code` and `saleId` say something.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 scheduled, 1 open, 2 sold out, 3 ended, 4 closed
///          3     1  flags: bit 0: a repeat
///          4     4  perUserLimit
///          8     8  saleId
///         16     8  stock: all units ever put up for sale
///         24     8  available: durably free
///         32     8  held
///         40     8  sold: confirmed
///         48     8  startsAtMs
///         56     8  endsAtMs: 0: never
///         64     8  unitPrice
///         72     8  createdAtMs
///         80     4  holdMs
///         84     4  reserved: 0
///         88    80  name
public struct SaleResult: WireStruct {
    public static let sizeBytes = 168

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var perUserLimit: UInt32
    public var saleId: UInt64
    public var stock: UInt64
    public var available: UInt64
    public var held: UInt64
    public var sold: UInt64
    public var startsAtMs: UInt64
    public var endsAtMs: UInt64
    public var unitPrice: UInt64
    public var createdAtMs: UInt64
    public var holdMs: UInt32
    public var name: Name

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, perUserLimit: UInt32, saleId: UInt64, stock: UInt64,
        available: UInt64, held: UInt64, sold: UInt64, startsAtMs: UInt64, endsAtMs: UInt64,
        unitPrice: UInt64, createdAtMs: UInt64, holdMs: UInt32, name: Name
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.perUserLimit = perUserLimit
        self.saleId = saleId
        self.stock = stock
        self.available = available
        self.held = held
        self.sold = sold
        self.startsAtMs = startsAtMs
        self.endsAtMs = endsAtMs
        self.unitPrice = unitPrice
        self.createdAtMs = createdAtMs
        self.holdMs = holdMs
        self.name = name
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        perUserLimit = bytes.loadLE(4)
        saleId = bytes.loadLE(8)
        stock = bytes.loadLE(16)
        available = bytes.loadLE(24)
        held = bytes.loadLE(32)
        sold = bytes.loadLE(40)
        startsAtMs = bytes.loadLE(48)
        endsAtMs = bytes.loadLE(56)
        unitPrice = bytes.loadLE(64)
        createdAtMs = bytes.loadLE(72)
        holdMs = bytes.loadLE(80)
        name = Name(bytes + 88)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(perUserLimit, 4)
        bytes.storeLE(saleId, 8)
        bytes.storeLE(stock, 16)
        bytes.storeLE(available, 24)
        bytes.storeLE(held, 32)
        bytes.storeLE(sold, 40)
        bytes.storeLE(startsAtMs, 48)
        bytes.storeLE(endsAtMs, 56)
        bytes.storeLE(unitPrice, 64)
        bytes.storeLE(createdAtMs, 72)
        bytes.storeLE(holdMs, 80)
        bytes.storeLE(UInt32(0), 84)
        name.store(to: bytes + 88)
    }
}

// What creates a policy of coupons, and what shows one.

/// Puts a policy into the catalogue.
///
///     offset  size  field
///          0    16  operationId: UUID of partition 0
///         16     8  policyId: not 0, never reused
///         24     8  quantity: 1 ... 2^40 coupons
///         32     8  validFromMs: ms since 1970; 0: at once
///         40     8  validUntilMs: ms since 1970; 0: for ever; else after validFrom and after now
///         48     8  discountValue: an amount, 1 ..< 2^53, or a percentage, 1 ... 100
///         56     8  maxDiscount: the most that a percentage may come to, below 2^53; 0: no cap
///         64     8  minPurchase: the least amount that a coupon may be used for, below 2^53; 0: any
///         72     4  perUserLimit: coupons issued to one user; 0: no limit
///         76     1  discountKind: 0 a fixed amount, 1 a percentage
///         77     3  reserved: 0
///         80    80  name: length u16, then at most 78 bytes of UTF-8, then zeros
public struct CreatePolicyEntry: WireStruct {
    public static let sizeBytes = 160

    public var operationId: Id128
    public var policyId: UInt64
    public var quantity: UInt64
    public var validFromMs: UInt64
    public var validUntilMs: UInt64
    public var discountValue: UInt64
    public var maxDiscount: UInt64
    public var minPurchase: UInt64
    public var perUserLimit: UInt32
    public var discountKind: UInt8
    public var name: Name

    @inlinable
    public init(
        operationId: Id128, policyId: UInt64, quantity: UInt64, validFromMs: UInt64, validUntilMs: UInt64,
        discountValue: UInt64, maxDiscount: UInt64, minPurchase: UInt64, perUserLimit: UInt32, discountKind: UInt8,
        name: Name
    ) {
        self.operationId = operationId
        self.policyId = policyId
        self.quantity = quantity
        self.validFromMs = validFromMs
        self.validUntilMs = validUntilMs
        self.discountValue = discountValue
        self.maxDiscount = maxDiscount
        self.minPurchase = minPurchase
        self.perUserLimit = perUserLimit
        self.discountKind = discountKind
        self.name = name
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        operationId = bytes.loadId(0)
        policyId = bytes.loadLE(16)
        quantity = bytes.loadLE(24)
        validFromMs = bytes.loadLE(32)
        validUntilMs = bytes.loadLE(40)
        discountValue = bytes.loadLE(48)
        maxDiscount = bytes.loadLE(56)
        minPurchase = bytes.loadLE(64)
        perUserLimit = bytes.loadLE(72)
        discountKind = bytes.loadLE(76)
        name = Name(bytes + 80)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(operationId, 0)
        bytes.storeLE(policyId, 16)
        bytes.storeLE(quantity, 24)
        bytes.storeLE(validFromMs, 32)
        bytes.storeLE(validUntilMs, 40)
        bytes.storeLE(discountValue, 48)
        bytes.storeLE(maxDiscount, 56)
        bytes.storeLE(minPurchase, 64)
        bytes.storeLE(perUserLimit, 72)
        bytes.storeLE(UInt32(discountKind), 76)
        name.store(to: bytes + 80)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(76, as: UInt32.self) <= UInt8.max
    }
}

/// A policy as it is at this moment. After a refusal only `code` and `policyId` say something.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 scheduled, 1 open, 2 exhausted, 3 ended, 4 closed
///          3     1  flags: bit 0: a repeat
///          4     4  perUserLimit
///          8     8  policyId
///         16     8  quantity: all coupons that there may be
///         24     8  remaining: durably free
///         32     8  issued: used or not
///         40     8  used: issued and used now
///         48     8  validFromMs
///         56     8  validUntilMs: 0: for ever
///         64     8  discountValue
///         72     8  maxDiscount
///         80     8  minPurchase
///         88     8  createdAtMs
///         96     1  discountKind
///         97     7  reserved: 0
///        104    80  name
public struct PolicyResult: WireStruct {
    public static let sizeBytes = 184

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var perUserLimit: UInt32
    public var policyId: UInt64
    public var quantity: UInt64
    public var remaining: UInt64
    public var issued: UInt64
    public var used: UInt64
    public var validFromMs: UInt64
    public var validUntilMs: UInt64
    public var discountValue: UInt64
    public var maxDiscount: UInt64
    public var minPurchase: UInt64
    public var createdAtMs: UInt64
    public var discountKind: UInt8
    public var name: Name

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, perUserLimit: UInt32, policyId: UInt64, quantity: UInt64,
        remaining: UInt64, issued: UInt64, used: UInt64, validFromMs: UInt64, validUntilMs: UInt64,
        discountValue: UInt64, maxDiscount: UInt64, minPurchase: UInt64, createdAtMs: UInt64, discountKind: UInt8,
        name: Name
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.perUserLimit = perUserLimit
        self.policyId = policyId
        self.quantity = quantity
        self.remaining = remaining
        self.issued = issued
        self.used = used
        self.validFromMs = validFromMs
        self.validUntilMs = validUntilMs
        self.discountValue = discountValue
        self.maxDiscount = maxDiscount
        self.minPurchase = minPurchase
        self.createdAtMs = createdAtMs
        self.discountKind = discountKind
        self.name = name
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        perUserLimit = bytes.loadLE(4)
        policyId = bytes.loadLE(8)
        quantity = bytes.loadLE(16)
        remaining = bytes.loadLE(24)
        issued = bytes.loadLE(32)
        used = bytes.loadLE(40)
        validFromMs = bytes.loadLE(48)
        validUntilMs = bytes.loadLE(56)
        discountValue = bytes.loadLE(64)
        maxDiscount = bytes.loadLE(72)
        minPurchase = bytes.loadLE(80)
        createdAtMs = bytes.loadLE(88)
        discountKind = bytes.loadLE(96)
        name = Name(bytes + 104)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(perUserLimit, 4)
        bytes.storeLE(policyId, 8)
        bytes.storeLE(quantity, 16)
        bytes.storeLE(remaining, 24)
        bytes.storeLE(issued, 32)
        bytes.storeLE(used, 40)
        bytes.storeLE(validFromMs, 48)
        bytes.storeLE(validUntilMs, 56)
        bytes.storeLE(discountValue, 64)
        bytes.storeLE(maxDiscount, 72)
        bytes.storeLE(minPurchase, 80)
        bytes.storeLE(createdAtMs, 88)
        bytes.storeLE(UInt64(discountKind), 96)
        name.store(to: bytes + 104)
    }
}

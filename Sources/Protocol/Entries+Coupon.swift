// Entries and results of coupons.

/// Issues a coupon of a policy to a user. Its id is the id of this operation.
///
///     offset  size  field
///          0    16  couponId: UUID of the user's partition
///         16    16  userId: not 0
///         32     8  policyId
public struct IssueCouponEntry: WireStruct {
    public static let sizeBytes = 40

    public var couponId: Id128
    public var userId: Id128
    public var policyId: UInt64

    @inlinable
    public init(couponId: Id128, userId: Id128, policyId: UInt64) {
        self.couponId = couponId
        self.userId = userId
        self.policyId = policyId
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        couponId = bytes.loadId(0)
        userId = bytes.loadId(16)
        policyId = bytes.loadLE(32)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(couponId, 0)
        bytes.storeId(userId, 16)
        bytes.storeLE(policyId, 32)
    }
}

/// The decision on an issue.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 issued, 1 used, 2 expired: now
///          3     1  flags: bit 0: a repeat
///          4     4  reserved: 0
///          8     8  issuedAtMs: 0 after a refusal
///         16     8  expiresAtMs: 0: never
public struct CouponResult: WireStruct {
    public static let sizeBytes = 24

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var issuedAtMs: UInt64
    public var expiresAtMs: UInt64

    @inlinable
    public init(code: ResultCode, state: UInt8, flags: UInt8, issuedAtMs: UInt64, expiresAtMs: UInt64) {
        self.code = code
        self.state = state
        self.flags = flags
        self.issuedAtMs = issuedAtMs
        self.expiresAtMs = expiresAtMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        issuedAtMs = bytes.loadLE(8)
        expiresAtMs = bytes.loadLE(16)
    }

    @inlinable @inline(__always)
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(UInt32(0), 4)
        bytes.storeLE(issuedAtMs, 8)
        bytes.storeLE(expiresAtMs, 16)
    }
}

/// Uses a coupon for a purchase. Answers the discount.
///
///     offset  size  field
///          0    16  useId: UUID of the user's partition
///         16    16  couponId
///         32    16  userId: not 0
///         48    16  orderId: what the shop knows the purchase by, any 128 bits; 0: nothing
///         64     8  purchaseAmount: below 2^53; 0: not given
public struct UseCouponEntry: WireStruct {
    public static let sizeBytes = 72

    public var useId: Id128
    public var couponId: Id128
    public var userId: Id128
    public var orderId: Id128
    public var purchaseAmount: UInt64

    @inlinable
    public init(useId: Id128, couponId: Id128, userId: Id128, orderId: Id128, purchaseAmount: UInt64) {
        self.useId = useId
        self.couponId = couponId
        self.userId = userId
        self.orderId = orderId
        self.purchaseAmount = purchaseAmount
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        useId = bytes.loadId(0)
        couponId = bytes.loadId(16)
        userId = bytes.loadId(32)
        orderId = bytes.loadId(48)
        purchaseAmount = bytes.loadLE(64)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(useId, 0)
        bytes.storeId(couponId, 16)
        bytes.storeId(userId, 32)
        bytes.storeId(orderId, 48)
        bytes.storeLE(purchaseAmount, 64)
    }
}

/// Makes a used coupon usable again: the purchase did not come about.
///
///     offset  size  field
///          0    16  restoreId: UUID of the user's partition
///         16    16  couponId
///         32    16  userId: not 0
public struct RestoreCouponEntry: WireStruct {
    public static let sizeBytes = 48

    public var restoreId: Id128
    public var couponId: Id128
    public var userId: Id128

    @inlinable
    public init(restoreId: Id128, couponId: Id128, userId: Id128) {
        self.restoreId = restoreId
        self.couponId = couponId
        self.userId = userId
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        restoreId = bytes.loadId(0)
        couponId = bytes.loadId(16)
        userId = bytes.loadId(32)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(restoreId, 0)
        bytes.storeId(couponId, 16)
        bytes.storeId(userId, 32)
    }
}

/// Names a coupon: get.
///
///     offset  size  field
///          0    16  couponId
public struct CouponIdEntry: WireStruct {
    public static let sizeBytes = 16

    public var couponId: Id128

    @inlinable
    public init(couponId: Id128) { self.couponId = couponId }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) { couponId = bytes.loadId(0) }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) { bytes.storeId(couponId, 0) }
}

/// Asks for a page of a user's coupons, newest first.
///
///     offset  size  field
///          0    16  userId: not 0
///         16    16  after: the last coupon of the page before, or zero to begin
///         32     2  limit: 1 ... 1,000
///         34     1  stateMask: bit n: coupons in state n; 0: all
///         35     5  reserved: 0
public struct ListUserCouponsEntry: WireStruct {
    public static let sizeBytes = 40

    public var userId: Id128
    public var after: Id128
    public var limit: UInt16
    public var stateMask: UInt8

    @inlinable
    public init(userId: Id128, after: Id128, limit: UInt16, stateMask: UInt8) {
        self.userId = userId
        self.after = after
        self.limit = limit
        self.stateMask = stateMask
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        userId = bytes.loadId(0)
        after = bytes.loadId(16)
        limit = bytes.loadLE(32)
        stateMask = bytes.loadLE(34)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(userId, 0)
        bytes.storeId(after, 16)
        bytes.storeLE(limit, 32)
        bytes.storeLE(stateMask, 34)
        bytes.storeLE(UInt32(0), 35)
        bytes.storeLE(UInt8(0), 39)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(35, as: UInt32.self) == 0 && bytes.loadLE(39, as: UInt8.self) == 0
    }
}

/// A coupon as it is now. After a refusal that knows the user's coupon all fields are set; else only `code` and
/// `couponId`.
///
/// What stands behind `usedAtMs` is that of the use in effect, and zero if there is none; in the answer to a use, that
/// of this use, also if it is a repeat and the coupon has been restored since.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 issued, 1 used, 2 expired
///          3     1  flags: bit 0: a repeat
///          4     4  reserved: 0
///          8    16  couponId
///         24    16  userId
///         40     8  policyId
///         48     8  issuedAtMs
///         56     8  expiresAtMs: 0: never
///         64     8  usedAtMs
///         72     8  discount
///         80     8  purchaseAmount
///         88    16  orderId
public struct CouponViewResult: WireStruct {
    public static let sizeBytes = 104

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var couponId: Id128
    public var userId: Id128
    public var policyId: UInt64
    public var issuedAtMs: UInt64
    public var expiresAtMs: UInt64
    public var usedAtMs: UInt64
    public var discount: UInt64
    public var purchaseAmount: UInt64
    public var orderId: Id128

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, couponId: Id128, userId: Id128, policyId: UInt64,
        issuedAtMs: UInt64, expiresAtMs: UInt64, usedAtMs: UInt64, discount: UInt64, purchaseAmount: UInt64,
        orderId: Id128
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.couponId = couponId
        self.userId = userId
        self.policyId = policyId
        self.issuedAtMs = issuedAtMs
        self.expiresAtMs = expiresAtMs
        self.usedAtMs = usedAtMs
        self.discount = discount
        self.purchaseAmount = purchaseAmount
        self.orderId = orderId
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        couponId = bytes.loadId(8)
        userId = bytes.loadId(24)
        policyId = bytes.loadLE(40)
        issuedAtMs = bytes.loadLE(48)
        expiresAtMs = bytes.loadLE(56)
        usedAtMs = bytes.loadLE(64)
        discount = bytes.loadLE(72)
        purchaseAmount = bytes.loadLE(80)
        orderId = bytes.loadId(88)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(UInt32(0), 4)
        bytes.storeId(couponId, 8)
        bytes.storeId(userId, 24)
        bytes.storeLE(policyId, 40)
        bytes.storeLE(issuedAtMs, 48)
        bytes.storeLE(expiresAtMs, 56)
        bytes.storeLE(usedAtMs, 64)
        bytes.storeLE(discount, 72)
        bytes.storeLE(purchaseAmount, 80)
        bytes.storeId(orderId, 88)
    }
}

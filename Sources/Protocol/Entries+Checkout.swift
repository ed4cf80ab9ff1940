// Entries and results of checkouts.

/// Several sales, a coupon and points of one user, all or nothing.
///
///     offset  size  field
///          0    16  checkoutId: UUID of the user's partition
///         16    16  userId: not 0
///         32    16  couponId: the coupon to use; zero: none
///         48     8  earnExpiresAtMs: of the points to earn, ms since 1970; 0: never
///         56     4  usePoints: 0 ... 1,000,000,000
///         60     4  earnPoints: 0 ... 1,000,000,000
///         64     2  lineCount: 1 ... 16
///         66     6  reserved: 0
///         72   256  16 places for lines: saleId (8), quantity (4), reserved (4); those behind the last are zero
public struct PlaceCheckoutEntry: WireStruct {
    public static let sizeBytes = 328

    public var checkoutId: Id128
    public var userId: Id128
    public var couponId: Id128
    public var earnExpiresAtMs: UInt64
    public var usePoints: UInt32
    public var earnPoints: UInt32
    public var lineCount: UInt16
    public var lines: CheckoutLines

    @inlinable
    public init(
        checkoutId: Id128, userId: Id128, couponId: Id128 = .zero, earnExpiresAtMs: UInt64 = 0, usePoints: UInt32 = 0,
        earnPoints: UInt32 = 0, lineCount: UInt16, lines: CheckoutLines
    ) {
        self.checkoutId = checkoutId
        self.userId = userId
        self.couponId = couponId
        self.earnExpiresAtMs = earnExpiresAtMs
        self.usePoints = usePoints
        self.earnPoints = earnPoints
        self.lineCount = lineCount
        self.lines = lines
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        let fields = Fields(bytes)
        checkoutId = fields.checkoutId
        userId = fields.userId
        couponId = fields.couponId
        earnExpiresAtMs = fields.earnExpiresAtMs
        usePoints = fields.usePoints
        earnPoints = fields.earnPoints
        lineCount = fields.lineCount
        lines = CheckoutLines(at: bytes + 72)
    }

    /// An entry where it lies, for who does not want to copy so many bytes. Valid as long as they are.
    public struct Fields: BitwiseCopyable {
        @usableFromInline let bytes: UnsafeRawPointer

        @inlinable
        public init(_ bytes: UnsafeRawPointer) { self.bytes = bytes }

        @inlinable public var checkoutId: Id128 { bytes.loadId(0) }
        @inlinable public var userId: Id128 { bytes.loadId(16) }
        @inlinable public var couponId: Id128 { bytes.loadId(32) }
        @inlinable public var earnExpiresAtMs: UInt64 { bytes.loadLE(48) }
        @inlinable public var usePoints: UInt32 { bytes.loadLE(56) }
        @inlinable public var earnPoints: UInt32 { bytes.loadLE(60) }
        @inlinable public var lineCount: UInt16 { bytes.loadLE(64) }

        @inlinable
        public func line(_ index: Int) -> CheckoutLine { CheckoutLines.load(bytes + 72, index) }
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(checkoutId, 0)
        bytes.storeId(userId, 16)
        bytes.storeId(couponId, 32)
        bytes.storeLE(earnExpiresAtMs, 48)
        bytes.storeLE(usePoints, 56)
        bytes.storeLE(earnPoints, 60)
        bytes.storeLE(UInt64(lineCount), 64)
        lines.store(to: bytes + 72)
    }

    /// Whether the reserved bytes are zero, and the places behind the last line, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(64, as: UInt64.self) >> 16 == 0
            && CheckoutLines.reservedIsZero(bytes + 72, count: Int(bytes.loadLE(64, as: UInt16.self)))
    }
}

/// Names a checkout: confirm, cancel and get.
///
///     offset  size  field
///          0    16  checkoutId
public struct CheckoutIdEntry: WireStruct {
    public static let sizeBytes = 16

    public var checkoutId: Id128

    @inlinable
    public init(checkoutId: Id128) { self.checkoutId = checkoutId }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) { checkoutId = bytes.loadId(0) }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) { bytes.storeId(checkoutId, 0) }
}

/// A checkout as it is now: of all its operations. Its amounts are those of the original decision.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 held, 1 confirmed, 2 cancelled, 3 expired
///          3     1  flags: bit 0: a repeat; bit 1: confirmed late; bit 2: a tombstone, the checkout never came
///          4     1  failedAt: the part that the refusal is about, 255: the checkout itself, or no refusal
///          5     1  orderCount: 1 ... 16
///          6     2  reserved: 0
///          8    16  checkoutId
///         24    16  userId
///         40    16  couponId: zero: none
///         56     8  subtotal: the sum of unit price x quantity
///         64     8  discount: by the coupon
///         72     8  toPay: subtotal - discount - pointsUsed
///         80     8  createdAtMs
///         88     8  expiresAtMs: while held, else 0
///         96     8  earnExpiresAtMs: of the points to earn, 0: never
///        104     4  pointsUsed
///        108     4  pointsEarned: posted when the checkout is confirmed
///        112   256  16 places for orders: saleId (8), quantity (4), reserved (4)
@dynamicMemberLookup
public struct CheckoutResult: WireStruct {
    public static let sizeBytes = 368

    /// All but the orders.
    public var head: CheckoutHead
    public var orders: CheckoutLines

    /// All but these is 0.
    @inlinable
    public init(code: ResultCode, failedAt: CheckoutPart = .whole, checkoutId: Id128) {
        head = CheckoutHead(code: code, failedAt: failedAt, checkoutId: checkoutId)
        orders = CheckoutLines()
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        head = CheckoutHead(bytes)
        orders = CheckoutLines(at: bytes + CheckoutHead.sizeBytes)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        head.store(to: bytes)
        orders.store(to: bytes + CheckoutHead.sizeBytes)
    }

    @inlinable
    public subscript<Value>(dynamicMember field: WritableKeyPath<CheckoutHead, Value>) -> Value {
        get { head[keyPath: field] }
        set { head[keyPath: field] = newValue }
    }
}

/// The first 112 bytes of a `CheckoutResult`: all but the orders.
public struct CheckoutHead: Equatable, Sendable {
    public static let sizeBytes = 112

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var failedAt: CheckoutPart
    public var orderCount: UInt8
    public var checkoutId: Id128
    public var userId: Id128
    public var couponId: Id128
    public var subtotal: UInt64
    public var discount: UInt64
    public var toPay: UInt64
    public var createdAtMs: UInt64
    public var expiresAtMs: UInt64
    public var earnExpiresAtMs: UInt64
    public var pointsUsed: UInt32
    public var pointsEarned: UInt32

    /// All but these is 0.
    @inlinable
    public init(code: ResultCode, failedAt: CheckoutPart = .whole, checkoutId: Id128) {
        self.code = code
        state = 0
        flags = 0
        self.failedAt = failedAt
        orderCount = 0
        self.checkoutId = checkoutId
        userId = .zero
        couponId = .zero
        subtotal = 0
        discount = 0
        toPay = 0
        createdAtMs = 0
        expiresAtMs = 0
        earnExpiresAtMs = 0
        pointsUsed = 0
        pointsEarned = 0
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        failedAt = CheckoutPart(rawValue: bytes.loadLE(4))
        orderCount = bytes.loadLE(5)
        checkoutId = bytes.loadId(8)
        userId = bytes.loadId(24)
        couponId = bytes.loadId(40)
        subtotal = bytes.loadLE(56)
        discount = bytes.loadLE(64)
        toPay = bytes.loadLE(72)
        createdAtMs = bytes.loadLE(80)
        expiresAtMs = bytes.loadLE(88)
        earnExpiresAtMs = bytes.loadLE(96)
        pointsUsed = bytes.loadLE(104)
        pointsEarned = bytes.loadLE(108)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(failedAt.rawValue, 4)
        bytes.storeLE(orderCount, 5)
        bytes.storeLE(UInt16(0), 6)
        bytes.storeId(checkoutId, 8)
        bytes.storeId(userId, 24)
        bytes.storeId(couponId, 40)
        bytes.storeLE(subtotal, 56)
        bytes.storeLE(discount, 64)
        bytes.storeLE(toPay, 72)
        bytes.storeLE(createdAtMs, 80)
        bytes.storeLE(expiresAtMs, 88)
        bytes.storeLE(earnExpiresAtMs, 96)
        bytes.storeLE(pointsUsed, 104)
        bytes.storeLE(pointsEarned, 108)
    }
}

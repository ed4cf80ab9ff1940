// Entries and results of points.

/// Credits a user with points: a lot of its own.
///
///     offset  size  field
///          0    16  transactionId: UUID of the user's partition
///         16    16  userId: not 0
///         32     8  expiresAtMs: ms since 1970, later than now; 0: never
///         40     4  amount: 1 ... 1,000,000,000
///         44     4  reserved: 0
///         48    32  reason: length (1), text, zeros
public struct EarnEntry: WireStruct {
    public static let sizeBytes = 80

    public var transactionId: Id128
    public var userId: Id128
    public var expiresAtMs: UInt64
    public var amount: UInt32
    public var reason: Reason

    @inlinable
    public init(
        transactionId: Id128, userId: Id128, expiresAtMs: UInt64, amount: UInt32, reason: Reason = Reason()
    ) {
        self.transactionId = transactionId
        self.userId = userId
        self.expiresAtMs = expiresAtMs
        self.amount = amount
        self.reason = reason
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        transactionId = bytes.loadId(0)
        userId = bytes.loadId(16)
        expiresAtMs = bytes.loadLE(32)
        amount = bytes.loadLE(40)
        reason = Reason(bytes + 48)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(transactionId, 0)
        bytes.storeId(userId, 16)
        bytes.storeLE(expiresAtMs, 32)
        bytes.storeLE(amount, 40)
        bytes.storeLE(UInt32(0), 44)
        reason.store(to: bytes + 48)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool { bytes.loadLE(44, as: UInt32.self) == 0 }
}

/// Takes points from a user's lots, those that expire first before others.
///
///     offset  size  field
///          0    16  transactionId: UUID of the user's partition
///         16    16  userId: not 0
///         32     4  amount: 1 ... 1,000,000,000
///         36     4  reserved: 0
///         40    32  reason: length (1), text, zeros
public struct UsePointsEntry: WireStruct {
    public static let sizeBytes = 72

    public var transactionId: Id128
    public var userId: Id128
    public var amount: UInt32
    public var reason: Reason

    @inlinable
    public init(transactionId: Id128, userId: Id128, amount: UInt32, reason: Reason = Reason()) {
        self.transactionId = transactionId
        self.userId = userId
        self.amount = amount
        self.reason = reason
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        transactionId = bytes.loadId(0)
        userId = bytes.loadId(16)
        amount = bytes.loadLE(32)
        reason = Reason(bytes + 40)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeId(transactionId, 0)
        bytes.storeId(userId, 16)
        bytes.storeLE(amount, 32)
        bytes.storeLE(UInt32(0), 36)
        reason.store(to: bytes + 40)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool { bytes.loadLE(36, as: UInt32.self) == 0 }
}

/// The decision on an earning or a use.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 posted, 1 cancelled, 2 expired: now
///          3     1  flags: bit 0: a repeat
///          4     4  amount
///          8     8  balance: the user's points now
///         16     8  createdAtMs: 0 after a refusal
///         24     8  expiresAtMs: of an earning, 0: never
public struct PointResult: WireStruct {
    public static let sizeBytes = 32

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var amount: UInt32
    public var balance: UInt64
    public var createdAtMs: UInt64
    public var expiresAtMs: UInt64

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, amount: UInt32, balance: UInt64, createdAtMs: UInt64,
        expiresAtMs: UInt64
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.amount = amount
        self.balance = balance
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        amount = bytes.loadLE(4)
        balance = bytes.loadLE(8)
        createdAtMs = bytes.loadLE(16)
        expiresAtMs = bytes.loadLE(24)
    }

    @inlinable @inline(__always)
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(amount, 4)
        bytes.storeLE(balance, 8)
        bytes.storeLE(createdAtMs, 16)
        bytes.storeLE(expiresAtMs, 24)
    }
}

/// Names a transaction: cancel and get.
///
///     offset  size  field
///          0    16  transactionId
public struct TransactionIdEntry: WireStruct {
    public static let sizeBytes = 16

    public var transactionId: Id128

    @inlinable
    public init(transactionId: Id128) { self.transactionId = transactionId }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) { transactionId = bytes.loadId(0) }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) { bytes.storeId(transactionId, 0) }
}

/// A transaction of points as it is now: of cancel, get and history.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 posted, 1 cancelled, 2 expired
///          3     1  flags: bit 0: a repeat; bit 2: a tombstone, the transaction never came
///          4     4  amount
///          8    16  transactionId
///         24    16  userId
///         40     1  kind: 0 earning, 1 use
///         41     3  reserved: 0
///         44     4  remaining: what uses have left of an earning, expired or not
///         48     8  createdAtMs
///         56     8  expiresAtMs: of an earning, 0: never
///         64     8  balance: the user's points now
///         72    32  reason: length (1), text, zeros
public struct TransactionViewResult: WireStruct {
    public static let sizeBytes = 104

    public var code: ResultCode
    public var state: UInt8
    public var flags: UInt8
    public var amount: UInt32
    public var transactionId: Id128
    public var userId: Id128
    public var kind: UInt8
    public var remaining: UInt32
    public var createdAtMs: UInt64
    public var expiresAtMs: UInt64
    public var balance: UInt64
    public var reason: Reason

    @inlinable
    public init(
        code: ResultCode, state: UInt8, flags: UInt8, amount: UInt32, transactionId: Id128, userId: Id128,
        kind: UInt8, remaining: UInt32, createdAtMs: UInt64, expiresAtMs: UInt64, balance: UInt64, reason: Reason
    ) {
        self.code = code
        self.state = state
        self.flags = flags
        self.amount = amount
        self.transactionId = transactionId
        self.userId = userId
        self.kind = kind
        self.remaining = remaining
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs
        self.balance = balance
        self.reason = reason
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        flags = bytes.loadLE(3)
        amount = bytes.loadLE(4)
        transactionId = bytes.loadId(8)
        userId = bytes.loadId(24)
        kind = bytes.loadLE(40)
        remaining = bytes.loadLE(44)
        createdAtMs = bytes.loadLE(48)
        expiresAtMs = bytes.loadLE(56)
        balance = bytes.loadLE(64)
        reason = Reason(bytes + 72)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(flags, 3)
        bytes.storeLE(amount, 4)
        bytes.storeId(transactionId, 8)
        bytes.storeId(userId, 24)
        bytes.storeLE(UInt32(kind), 40)
        bytes.storeLE(remaining, 44)
        bytes.storeLE(createdAtMs, 48)
        bytes.storeLE(expiresAtMs, 56)
        bytes.storeLE(balance, 64)
        reason.store(to: bytes + 72)
    }
}

/// Names a user: balance.
///
///     offset  size  field
///          0    16  userId: not 0
public struct UserEntry: WireStruct {
    public static let sizeBytes = 16

    public var userId: Id128

    @inlinable
    public init(userId: Id128) { self.userId = userId }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) { userId = bytes.loadId(0) }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) { bytes.storeId(userId, 0) }
}

/// A user's points.
///
///     offset  size  field
///          0     2  code
///          2     2  reserved: 0
///          4     4  lots: that have points left
///          8     8  balance
///         16     8  nextExpiryMs: when points expire next, 0: none will
///         24     8  nextExpiryAmount: how many do then
public struct BalanceResult: WireStruct {
    public static let sizeBytes = 32

    public var code: ResultCode
    public var lots: UInt32
    public var balance: UInt64
    public var nextExpiryMs: UInt64
    public var nextExpiryAmount: UInt64

    @inlinable
    public init(code: ResultCode, lots: UInt32, balance: UInt64, nextExpiryMs: UInt64, nextExpiryAmount: UInt64) {
        self.code = code
        self.lots = lots
        self.balance = balance
        self.nextExpiryMs = nextExpiryMs
        self.nextExpiryAmount = nextExpiryAmount
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        lots = bytes.loadLE(4)
        balance = bytes.loadLE(8)
        nextExpiryMs = bytes.loadLE(16)
        nextExpiryAmount = bytes.loadLE(24)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(UInt32(code.rawValue), 0)
        bytes.storeLE(lots, 4)
        bytes.storeLE(balance, 8)
        bytes.storeLE(nextExpiryMs, 16)
        bytes.storeLE(nextExpiryAmount, 24)
    }
}

internal import Protocol

/// What becomes of an order. A held order ends as one of the others; an expired one may still be confirmed late.
public enum OrderState: UInt8, Sendable, Hashable, CaseIterable {
    case held = 0
    case confirmed = 1
    case cancelled = 2
    case expired = 3
}

/// An order as it was at the moment of the answer.
public struct Order: Hashable, Sendable {
    public var id: OrderID
    public var user: UserID
    public var sale: SaleID
    /// In units.
    public var quantity: UInt32
    public var state: OrderState
    /// The operation had been accepted before, and this is its decision again: nothing was done a second time.
    public var isRepeat: Bool
    /// The order was confirmed after it had expired; its units were taken again.
    public var isLateConfirm: Bool
    /// It belongs to a checkout, and is confirmed, cancelled and expires only with it.
    public var isPartOfCheckout: Bool
    /// When the order was accepted, ms since 1970 by the server's clock.
    public var createdAtMs: UInt64
    /// When the hold ends, ms since 1970; nil if it is not held.
    public var expiresAtMs: UInt64?

    init(
        id: Id128, user: Id128, sale: UInt64, quantity: UInt32, state: OrderState, flags: UInt8,
        createdAtMs: UInt64, expiresAtMs: UInt64
    ) {
        self.id = OrderID(wire: id)
        self.user = UserID(wire: user)
        self.sale = SaleID(sale)
        self.quantity = quantity
        self.state = state
        isRepeat = flags & ResultFlags.repeat != 0
        isLateConfirm = flags & ResultFlags.late != 0
        isPartOfCheckout = flags & ResultFlags.ofCheckout != 0
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs == 0 ? nil : expiresAtMs
    }
}

/// One entry of a batch of orders.
public struct OrderRequest: Hashable, Sendable {
    public var id: OrderID
    public var user: UserID
    public var sale: SaleID
    /// In units, 1 ... 1,000,000.
    public var quantity: UInt32

    /// With a new id unless one is given.
    public init(sale: SaleID, user: UserID, quantity: UInt32 = 1, id: OrderID? = nil) {
        self.sale = sale
        self.user = user
        self.quantity = quantity
        self.id = id ?? .mint(for: user)
    }
}

/// What a cancel did.
public enum Cancellation: Hashable, Sendable {
    /// The order is cancelled, now or before (`isRepeat`), and its units sell again.
    case order(Order)
    /// The server did not know the order. It remembers the cancel, so that the order, should it still arrive, is
    /// refused as `cancelled`.
    case beforeOrder(OrderID)
}

/// Some of a user's orders, newest first.
public struct OrderPage: Hashable, Sendable {
    public var orders: [Order]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: OrderID?
}

/// Some of a sale's orders.
public struct SaleOrderPage: Hashable, Sendable {
    public var orders: [Order]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: SaleOrderCursor?
}

/// Where a list of a sale's orders goes on. It holds until the server starts again.
public struct SaleOrderCursor: Hashable, Sendable, RawRepresentable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

extension SaleOrderCursor: LosslessStringConvertible {
    /// Reads the number; nil for anything else.
    public init?(_ text: String) {
        guard let number = UInt64(text) else { return nil }
        self.init(rawValue: number)
    }

    /// A decimal number.
    public var description: String { "\(rawValue)" }
}

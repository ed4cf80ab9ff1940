/// Something that has happened, durably: it stays, whatever crashes.
public struct TailEvent: Hashable, Sendable {
    /// Going on behind it, one gets exactly what comes next.
    public var position: TailPosition
    /// In whose log it stands.
    public var shard: Int
    /// When it was decided, ms since 1970 by the server's clock.
    public var timeMs: UInt64
    public var what: LoggedEvent

    public init(position: TailPosition, shard: Int, timeMs: UInt64, what: LoggedEvent) {
        self.position = position
        self.shard = shard
        self.timeMs = timeMs
        self.what = what
    }
}

/// What has happened. Times are ms since 1970, amounts of money in the smallest unit of the currency.
///
/// What happens to a checkout happens to all its parts, and is one event: `checkoutConfirmed` confirms each of its
/// orders, `checkoutExpired` gives back its coupon. Its orders are placed by events of their own, right before
/// `checkoutPlaced`; the use of its coupon and of its points follow from that event.
public enum LoggedEvent: Hashable, Sendable {
    // Orders.
    /// `deadlineMs`: when the hold ends; nil: confirmed at once.
    case orderPlaced(OrderID, user: UserID, sale: SaleID, quantity: UInt32, deadlineMs: UInt64?)
    /// `isLate`: after it had expired; its units were taken again.
    case orderConfirmed(OrderID, isLate: Bool)
    case orderCancelled(OrderID)
    case orderExpired(OrderID)
    case orderExtended(OrderID, deadlineMs: UInt64)
    /// Something was cancelled before it came, and will be refused: an order, or a checkout or a transaction with
    /// this id.
    case tombstonePlaced(OrderID)
    /// After a start: no hold that is open in this shard ends earlier.
    case holdsGraced(notBeforeMs: UInt64)

    // Points.
    /// `expiresAtMs`: nil: never.
    case pointsEarned(TransactionID, user: UserID, points: UInt32, expiresAtMs: UInt64?)
    case pointsUsed(TransactionID, user: UserID, points: UInt32)
    case transactionCancelled(TransactionID)
    /// The reason of the earning or use in the event before it.
    case transactionReasoned(TransactionID, reason: String)

    // Coupons.
    case couponIssued(CouponID, user: UserID, policy: PolicyID)
    /// `purchaseAmount`: nil if none was given; `order`: likewise.
    case couponUsed(
        CouponOperationID, coupon: CouponID, order: OrderID?, purchaseAmount: UInt64?, discount: UInt64)
    case couponRestored(CouponOperationID, coupon: CouponID)

    // Checkouts.
    case checkoutPlaced(CheckoutPlacement)
    case checkoutConfirmed(CheckoutID, isLate: Bool)
    case checkoutCancelled(CheckoutID)
    case checkoutExpired(CheckoutID)

    // The catalogue.
    case saleCreated(SaleCreation)
    /// `units` were added.
    case saleRestocked(SaleID, units: UInt64, operation: OperationID)
    case saleClosed(SaleID)
    case policyCreated(PolicyCreation)
    /// `units` coupons were added.
    case policyRestocked(PolicyID, units: UInt64, operation: OperationID)
    case policyClosed(PolicyID)

    // What has been remembered for long enough is forgotten.
    case saleRetired(SaleID)
    case policyRetired(PolicyID)
    case retired(RetiredRecord)

    /// Of a newer server: a number and bytes that this client does not know.
    case unknown(kind: UInt8)

    public struct CheckoutPlacement: Hashable, Sendable {
        public var id: CheckoutID
        public var user: UserID
        /// In the order of their events, which come right before this one.
        public var orders: [OrderID]
        public var coupon: CouponID?
        public var subtotal: UInt64
        public var discount: UInt64
        public var pointsUsed: UInt32
        /// Credited at the confirm.
        public var pointsEarned: UInt32
        /// Of what is earned; nil: never, or nothing is.
        public var earnExpiresAtMs: UInt64?
        /// When the hold ends; nil: confirmed at once.
        public var deadlineMs: UInt64?
    }

    public struct SaleCreation: Hashable, Sendable {
        public var id: SaleID
        public var operation: OperationID
        public var name: String
        public var stock: UInt64
        /// Nil: at once.
        public var startsAtMs: UInt64?
        /// Nil: never.
        public var endsAtMs: UInt64?
        public var unitPrice: UInt64
        /// Nil: none.
        public var perUserLimit: UInt32?
        /// Nil: orders confirm at once.
        public var holdMs: UInt32?
    }

    public struct PolicyCreation: Hashable, Sendable {
        public var id: PolicyID
        public var operation: OperationID
        public var name: String
        /// Coupons.
        public var quantity: UInt64
        /// Nil: at once.
        public var validFromMs: UInt64?
        /// Nil: for ever.
        public var validUntilMs: UInt64?
        public var discount: Discount
        /// Nil: any.
        public var maxDiscount: UInt64?
        /// Nil: any.
        public var minPurchase: UInt64?
        /// Nil: none.
        public var perUserLimit: UInt32?
    }

    /// What an id stood for.
    public enum RetiredRecord: Hashable, Sendable {
        case order(OrderID)
        /// A cancel that came before what it cancels.
        case tombstone(OrderID)
        case transaction(TransactionID)
        case coupon(CouponID)
        case couponOperation(CouponOperationID)
        case checkout(CheckoutID)
    }
}

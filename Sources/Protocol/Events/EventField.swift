/// Field offsets of events. The first sixteen bytes are common to all.
///
///     orderPlaced       16 order id  32 user id  48 sale  56 deadline (0: confirmed at once)   quantity: units
///                       (in the bytes of a log it may be short: see `ShortOrders`)
///     orderKept         16 order id  32 user id  48 sale  56 deadline          flags: state | late << 4
///                       (of one that is not held: when it was last changed)
///     orderConfirmed    16 order id                                            flags: 1 late
///     orderCancelled    16 order id
///     orderExpired      16 order id
///     orderExtended     16 order id  32 deadline
///     tombstonePlaced   16 order id
///     holdsGraced       16 not before: no open hold of this log ends earlier
///     pointsEarned      16 transaction id  32 user id  48 expires (0: never)   quantity: points
///     pointsUsed        16 transaction id  32 user id                          quantity: points
///     transactionCancelled  16 transaction id
///     transactionReasoned   16 transaction id  32 reason (32)
///     transactionKept   as pointsEarned, then 56 remaining (4)                 flags: kind | cancelled << 4
///     takingKept        16 id of the use  32 id of the earning                 quantity: points
///     couponIssued      16 coupon id  32 user id  48 policy
///     couponUsed        16 id of the use  32 coupon id  48 order id  64 purchase amount  72 discount
///     couponRestored    16 operation id  32 coupon id
///     couponOperationKept   as couponUsed                                      flags: kind | in effect << 4
///     checkoutPlaced    16 checkout id  32 user id  48 coupon id (zero: none)  64 subtotal  72 discount
///                       80 earning expires (0: never)  88 points used (4)  92 points to earn (4)
///                       96 deadline (0: confirmed at once)                   quantity: orders, whose events come
///                                                                            right before this one
///     checkoutKept      as checkoutPlaced
///     checkoutConfirmed 16 checkout id                                       flags: 1 late
///     checkoutCancelled 16 checkout id
///     checkoutExpired   16 checkout id
///     saleCreated       16 operation id  32 sale  40 stock  48 starts  56 ends  64 unit price
///                       72 limit (4)  76 hold (4)  80 name (80)
///     saleKept          as saleCreated, then 160 stock now  168 closed         flags: 1 closed
///     saleRestocked     16 operation id  32 sale  40 units
///     saleClosed        16 sale
///     policyCreated     16 operation id  32 policy  40 coupons  48 valid from  56 valid until  64 discount
///                       72 limit (4)  76 kind of discount (4)  80 name (80)  160 most  168 least purchase
///     policyKept        as policyCreated, then 176 coupons now  184 closed     flags: 1 closed
///     policyRestocked   as saleRestocked
///     policyClosed      16 policy
///     retired           16 id                                                  flags: the kind of its record
///     saleRetired       16 sale
///     policyRetired     16 policy
///     unitsRetiredKept  16 sale or policy  24 held  32 sold                    flags: 0 of a sale, 1 of a policy
///     offerRetiredKept  16 sale or policy                                      flags: 0 of a sale, 1 of a policy
///     idsForgottenKept  16 mint time
///     catalogueOperationKept  as saleRestocked                                 flags: 0 of a sale, 1 of a policy
public enum EventField {
    @inlinable public static var kind: Int { 0 }
    @inlinable public static var flags: Int { 1 }
    @inlinable public static var size: Int { 2 }
    @inlinable public static var quantity: Int { 4 }
    @inlinable public static var timeMs: Int { 8 }
    @inlinable public static var id: Int { 16 }
    @inlinable public static var userId: Int { 32 }
    @inlinable public static var orderSale: Int { 48 }
    @inlinable public static var orderDeadlineMs: Int { 56 }
    @inlinable public static var extendedDeadlineMs: Int { 32 }
    @inlinable public static var pointsExpireAtMs: Int { 48 }
    @inlinable public static var takingLotId: Int { 32 }
    @inlinable public static var remaining: Int { 56 }
    @inlinable public static var reason: Int { 32 }
    @inlinable public static var couponPolicy: Int { 48 }
    @inlinable public static var usedCoupon: Int { 32 }
    @inlinable public static var couponOrder: Int { 48 }
    @inlinable public static var purchaseAmount: Int { 64 }
    @inlinable public static var discount: Int { 72 }
    @inlinable public static var notBeforeMs: Int { 16 }
    @inlinable public static var checkoutCoupon: Int { 48 }
    @inlinable public static var checkoutSubtotal: Int { 64 }
    @inlinable public static var checkoutDiscount: Int { 72 }
    @inlinable public static var checkoutEarnExpiresAtMs: Int { 80 }
    @inlinable public static var checkoutPointsUsed: Int { 88 }
    @inlinable public static var checkoutPointsEarned: Int { 92 }
    @inlinable public static var checkoutDeadlineMs: Int { 96 }
    @inlinable public static var offer: Int { 32 }
    @inlinable public static var stock: Int { 40 }
    @inlinable public static var startsAtMs: Int { 48 }
    @inlinable public static var endsAtMs: Int { 56 }
    @inlinable public static var unitPrice: Int { 64 }
    @inlinable public static var perUserLimit: Int { 72 }
    @inlinable public static var holdMs: Int { 76 }
    @inlinable public static var discountKind: Int { 76 }
    @inlinable public static var name: Int { 80 }
    @inlinable public static var saleStockNow: Int { 160 }
    @inlinable public static var maxDiscount: Int { 160 }
    @inlinable public static var minPurchase: Int { 168 }
    @inlinable public static var policyStockNow: Int { 176 }
    @inlinable public static var saleClosedAtMs: Int { 168 }
    @inlinable public static var policyClosedAtMs: Int { 184 }
    @inlinable public static var retiredHeld: Int { 24 }
    @inlinable public static var retiredSold: Int { 32 }
    @inlinable public static var forgottenMintMs: Int { 16 }
    @inlinable public static var closedOffer: Int { 16 }
    /// The largest event in bytes.
    @inlinable public static var sizeMaxBytes: Int { 192 }
}

/// Orders in a row, each an `orderPlaced` that leaves out what the full one before it in its block says too: its time,
/// its sale and its deadline. Those of the same quantity share their first eight bytes. In a rush that is almost every
/// order, and half of the log.
///
///     0 kind  1 flags  2 size: 8 + 32 for each  4 quantity  8 order id  24 user id  40 order id  56 user id  ...
///
/// Who reads a block makes them full first; nobody else meets them.
public enum ShortOrders {
    @inlinable public static var headBytes: Int { 8 }
    /// The two ids of an order, as they lie in an `OrderEntry`.
    @inlinable public static var idsBytes: Int { 32 }
    /// As many as the two bytes of a size can say.
    @inlinable public static var countMax: Int { 2047 }
    @inlinable public static var sizeMaxBytes: Int { headBytes + countMax * idsBytes }

    /// How many an `orderPlaced` of this size holds; nil if it is no size of short orders.
    public static func count(sizeBytes: Int) -> Int? {
        sizeBytes > headBytes && sizeBytes % idsBytes == headBytes ? sizeBytes / idsBytes : nil
    }
}

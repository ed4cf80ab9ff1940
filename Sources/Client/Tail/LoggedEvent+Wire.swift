internal import Protocol

// An event as it comes over the wire: the bytes of the log (docs/log-format.md).
extension TailEvent {
    /// Of the result at `bytes`.
    init(_ bytes: UnsafeRawPointer) {
        let event = bytes + TailResult.eventOffset
        self.init(
            position: TailPosition(LogPlace(sequence: bytes.loadLE(8), index: bytes.loadLE(4))),
            shard: Int(bytes.loadLE(2, as: UInt16.self)), timeMs: event.loadLE(EventField.timeMs),
            what: LoggedEvent(event))
    }
}

extension LoggedEvent {
    init(_ event: UnsafeRawPointer) {
        let raw: UInt8 = event.loadLE(EventField.kind)
        guard let kind = EventKind(rawValue: raw), !kind.isOfSnapshot else {
            self = .unknown(kind: raw)
            return
        }
        let id = event.loadId(EventField.id)
        let isLate = event.loadLE(EventField.flags, as: UInt8.self) & 1 != 0
        switch kind {
        case .orderPlaced:
            self = .orderPlaced(
                OrderID(wire: id), user: Self.user(event), sale: SaleID(event.loadLE(EventField.orderSale)),
                quantity: event.loadLE(EventField.quantity),
                deadlineMs: Self.given(event, EventField.orderDeadlineMs))
        case .orderConfirmed: self = .orderConfirmed(OrderID(wire: id), isLate: isLate)
        case .orderCancelled: self = .orderCancelled(OrderID(wire: id))
        case .orderExpired: self = .orderExpired(OrderID(wire: id))
        case .orderExtended:
            self = .orderExtended(OrderID(wire: id), deadlineMs: event.loadLE(EventField.extendedDeadlineMs))
        case .tombstonePlaced: self = .tombstonePlaced(OrderID(wire: id))
        case .holdsGraced: self = .holdsGraced(notBeforeMs: event.loadLE(EventField.notBeforeMs))
        case .pointsEarned:
            self = .pointsEarned(
                TransactionID(wire: id), user: Self.user(event), points: event.loadLE(EventField.quantity),
                expiresAtMs: Self.given(event, EventField.pointsExpireAtMs))
        case .pointsUsed:
            self = .pointsUsed(
                TransactionID(wire: id), user: Self.user(event), points: event.loadLE(EventField.quantity))
        case .transactionCancelled: self = .transactionCancelled(TransactionID(wire: id))
        case .transactionReasoned:
            self = .transactionReasoned(TransactionID(wire: id), reason: Reason(event + EventField.reason).text)
        case .couponIssued:
            self = .couponIssued(
                CouponID(wire: id), user: Self.user(event), policy: PolicyID(event.loadLE(EventField.couponPolicy)))
        case .couponUsed:
            let order = event.loadId(EventField.couponOrder)
            self = .couponUsed(
                CouponOperationID(wire: id), coupon: CouponID(wire: event.loadId(EventField.usedCoupon)),
                order: order.isZero ? nil : OrderID(wire: order),
                purchaseAmount: Self.given(event, EventField.purchaseAmount),
                discount: event.loadLE(EventField.discount))
        case .couponRestored:
            self = .couponRestored(
                CouponOperationID(wire: id), coupon: CouponID(wire: event.loadId(EventField.usedCoupon)))
        case .checkoutPlaced: self = .checkoutPlaced(CheckoutPlacement(event))
        case .checkoutConfirmed: self = .checkoutConfirmed(CheckoutID(wire: id), isLate: isLate)
        case .checkoutCancelled: self = .checkoutCancelled(CheckoutID(wire: id))
        case .checkoutExpired: self = .checkoutExpired(CheckoutID(wire: id))
        case .saleCreated: self = .saleCreated(SaleCreation(event))
        case .policyCreated: self = .policyCreated(PolicyCreation(event))
        case .saleRestocked:
            self = .saleRestocked(
                SaleID(event.loadLE(EventField.offer)), units: event.loadLE(EventField.stock),
                operation: OperationID(wire: id))
        case .policyRestocked:
            self = .policyRestocked(
                PolicyID(event.loadLE(EventField.offer)), units: event.loadLE(EventField.stock),
                operation: OperationID(wire: id))
        case .saleClosed: self = .saleClosed(SaleID(event.loadLE(EventField.closedOffer)))
        case .policyClosed: self = .policyClosed(PolicyID(event.loadLE(EventField.closedOffer)))
        case .saleRetired: self = .saleRetired(SaleID(event.loadLE(EventField.closedOffer)))
        case .policyRetired: self = .policyRetired(PolicyID(event.loadLE(EventField.closedOffer)))
        case .retired: self = RetiredRecord(event).map(LoggedEvent.retired) ?? .unknown(kind: raw)
        case .orderKept, .saleKept, .catalogueOperationKept, .transactionKept, .takingKept, .policyKept,
            .checkoutKept, .unitsRetiredKept, .offerRetiredKept, .couponOperationKept, .idsForgottenKept:
            self = .unknown(kind: raw)
        }
    }

    private static func user(_ event: UnsafeRawPointer) -> UserID { UserID(wire: event.loadId(EventField.userId)) }

    /// A number for which 0 says that there is none.
    fileprivate static func given<Value: FixedWidthInteger>(_ event: UnsafeRawPointer, _ field: Int) -> Value? {
        let value: Value = event.loadLE(field)
        return value == 0 ? nil : value
    }
}

extension LoggedEvent.CheckoutPlacement {
    init(_ event: UnsafeRawPointer) {
        let id = CheckoutID(wire: event.loadId(EventField.id))
        let coupon = event.loadId(EventField.checkoutCoupon)
        let count = min(Int(event.loadLE(EventField.quantity, as: UInt32.self)), CheckoutLines.countMax)
        self.init(
            id: id, user: UserID(wire: event.loadId(EventField.userId)), orders: (0..<count).map(id.order),
            coupon: coupon.isZero ? nil : CouponID(wire: coupon),
            subtotal: event.loadLE(EventField.checkoutSubtotal), discount: event.loadLE(EventField.checkoutDiscount),
            pointsUsed: event.loadLE(EventField.checkoutPointsUsed),
            pointsEarned: event.loadLE(EventField.checkoutPointsEarned),
            earnExpiresAtMs: LoggedEvent.given(event, EventField.checkoutEarnExpiresAtMs),
            deadlineMs: LoggedEvent.given(event, EventField.checkoutDeadlineMs))
    }
}

extension LoggedEvent.SaleCreation {
    init(_ event: UnsafeRawPointer) {
        self.init(
            id: SaleID(event.loadLE(EventField.offer)), operation: OperationID(wire: event.loadId(EventField.id)),
            name: Name(event + EventField.name).text, stock: event.loadLE(EventField.stock),
            startsAtMs: LoggedEvent.given(event, EventField.startsAtMs),
            endsAtMs: LoggedEvent.given(event, EventField.endsAtMs), unitPrice: event.loadLE(EventField.unitPrice),
            perUserLimit: LoggedEvent.given(event, EventField.perUserLimit),
            holdMs: LoggedEvent.given(event, EventField.holdMs))
    }
}

extension LoggedEvent.PolicyCreation {
    init(_ event: UnsafeRawPointer) {
        let kind = DiscountKind(rawValue: event.loadLE(EventField.discountKind))
        let value: UInt64 = event.loadLE(EventField.unitPrice)
        self.init(
            id: PolicyID(event.loadLE(EventField.offer)), operation: OperationID(wire: event.loadId(EventField.id)),
            name: Name(event + EventField.name).text, quantity: event.loadLE(EventField.stock),
            validFromMs: LoggedEvent.given(event, EventField.startsAtMs),
            validUntilMs: LoggedEvent.given(event, EventField.endsAtMs),
            discount: kind == .percent ? .percent(value) : .fixed(value),
            maxDiscount: LoggedEvent.given(event, EventField.maxDiscount),
            minPurchase: LoggedEvent.given(event, EventField.minPurchase),
            perUserLimit: LoggedEvent.given(event, EventField.perUserLimit))
    }
}

extension LoggedEvent.RetiredRecord {
    init?(_ event: UnsafeRawPointer) {
        let id = event.loadId(EventField.id)
        switch RetiredKind(rawValue: event.loadLE(EventField.flags)) {
        case .order: self = .order(OrderID(wire: id))
        case .tombstone: self = .tombstone(OrderID(wire: id))
        case .transaction: self = .transaction(TransactionID(wire: id))
        case .coupon: self = .coupon(CouponID(wire: id))
        case .couponOperation: self = .couponOperation(CouponOperationID(wire: id))
        case .checkout: self = .checkout(CheckoutID(wire: id))
        case nil: return nil
        }
    }
}

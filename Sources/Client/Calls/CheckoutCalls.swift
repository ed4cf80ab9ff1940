// The calls on checkouts: what each writes into a frame, and what its answer means.

internal import Protocol

enum PlaceCheckout: WireCall {
    static let operation = Operation.placeCheckout

    static func answer(_ entry: PlaceCheckoutEntry, _ reply: Reply, _ index: Int) -> Checkout? {
        Checkout(reply, index, of: entry.checkoutId)
    }

    static func failedPart(_ reply: Reply, _ index: Int) -> CheckoutPart? {
        CheckoutPart(reply.checkoutHead(index), isOfOrders: false)
    }

    static func unknown(_ entry: PlaceCheckoutEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .checkout(CheckoutID(wire: entry.checkoutId)))
    }
}

/// What the operations that name nothing but a checkout have in common.
protocol NamedCheckoutCall: WireCall where Entry == CheckoutIdEntry {}

extension NamedCheckoutCall {
    static func failedPart(_ reply: Reply, _ index: Int) -> CheckoutPart? {
        CheckoutPart(reply.checkoutHead(index), isOfOrders: true)
    }

    static func unknown(_ entry: CheckoutIdEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .checkout(CheckoutID(wire: entry.checkoutId)))
    }
}

enum ConfirmCheckout: NamedCheckoutCall {
    static let operation = Operation.confirmCheckout

    static func answer(_ entry: CheckoutIdEntry, _ reply: Reply, _ index: Int) -> Checkout? {
        Checkout(reply, index, of: entry.checkoutId)
    }
}

enum CancelCheckout: NamedCheckoutCall {
    static let operation = Operation.cancelCheckout

    static func answer(_ entry: CheckoutIdEntry, _ reply: Reply, _ index: Int) -> CheckoutCancellation? {
        if reply.checkoutHead(index).flags & ResultFlags.tombstone != 0 {
            return .beforeCheckout(CheckoutID(wire: entry.checkoutId))
        }
        return Checkout(reply, index, of: entry.checkoutId).map { .checkout($0) }
    }
}

enum GetCheckout: NamedCheckoutCall {
    static let operation = Operation.getCheckout
    static let changes = false

    static func answer(_ entry: CheckoutIdEntry, _ reply: Reply, _ index: Int) -> Checkout? {
        Checkout(reply, index, of: entry.checkoutId)
    }
}

extension Reply {
    /// All but the orders of one of a reply's `CheckoutResult`s.
    fileprivate func checkoutHead(_ index: Int) -> CheckoutHead {
        CheckoutHead(body + index * CheckoutResult.sizeBytes)
    }
}

extension Checkout {
    /// From one of a reply's `CheckoutResult`s; nil if it makes no sense as the answer about this checkout.
    fileprivate init?(_ reply: Reply, _ index: Int, of checkoutId: Id128) {
        let head = reply.checkoutHead(index)
        guard head.checkoutId == checkoutId, let state = OrderState(rawValue: head.state),
            (1...CheckoutLines.countMax).contains(Int(head.orderCount))
        else { return nil }
        let id = CheckoutID(wire: checkoutId)
        let lines = CheckoutLines(at: reply.body + index * CheckoutResult.sizeBytes + CheckoutHead.sizeBytes)
        self.init(
            id: id, user: UserID(wire: head.userId), state: state,
            orders: lines.first(Int(head.orderCount)).enumerated().map { number, line in
                CheckoutOrder(id: id.order(number), sale: SaleID(line.saleId), quantity: line.quantity)
            },
            coupon: head.couponId.isZero ? nil : CouponID(wire: head.couponId), subtotal: head.subtotal,
            discount: head.discount, pointsUsed: head.pointsUsed, toPay: head.toPay,
            pointsEarned: head.pointsEarned,
            earnExpiresAtMs: head.earnExpiresAtMs == 0 ? nil : head.earnExpiresAtMs,
            createdAtMs: head.createdAtMs, expiresAtMs: head.expiresAtMs == 0 ? nil : head.expiresAtMs,
            isRepeat: head.flags & ResultFlags.repeat != 0,
            isLateConfirm: head.flags & ResultFlags.late != 0)
    }
}

import TimesaleClient

extension TailEvent {
    static let shape = ObjectShape(
        "Event", "Something that has happened, durably. Its other members depend on its type.", open: true,
        [
            .init("seq", .text, "Its position: `after` gives what comes behind it."),
            .init("type", .text, "What has happened, such as orderPlaced."),
            .init("at", .time, "When it was decided."),
            .init("shard", .integer, "In whose log it stands."),
        ])

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("seq")
        json.text(position.description)
        json.key("at")
        json.time(timeMs)
        json.key("shard")
        json.number(UInt64(shard))
        json.key("type")
        what.write(to: &json)
        json.end()
    }
}

extension LoggedEvent {
    /// The type, and the members that belong to it.
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .orderPlaced, .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended, .tombstonePlaced,
            .holdsGraced:
            writeOrderEvent(to: &json)
        case .pointsEarned, .pointsUsed, .transactionCancelled, .transactionReasoned: writePointEvent(to: &json)
        case .couponIssued, .couponUsed, .couponRestored: writeCouponEvent(to: &json)
        case .checkoutPlaced, .checkoutConfirmed, .checkoutCancelled, .checkoutExpired:
            writeCheckoutEvent(to: &json)
        default: writeCatalogueEvent(to: &json)
        }
    }

    private func writeOrderEvent(to json: inout JSONWriter) {
        switch self {
        case .orderPlaced(let order, let user, let sale, let quantity, let deadlineMs):
            json.plain("orderPlaced")
            json.member("orderId", order)
            json.member("userId", user)
            json.member("timeSaleId", sale.rawValue)
            json.member("quantity", count: UInt64(quantity))
            json.member("expiresAt", time: deadlineMs)
        case .orderConfirmed(let order, let isLate):
            json.plain("orderConfirmed")
            json.member("orderId", order)
            json.member("lateConfirm", isLate)
        case .orderCancelled(let order):
            json.plain("orderCancelled")
            json.member("orderId", order)
        case .orderExpired(let order):
            json.plain("orderExpired")
            json.member("orderId", order)
        case .orderExtended(let order, let deadlineMs):
            json.plain("orderExtended")
            json.member("orderId", order)
            json.member("expiresAt", time: deadlineMs)
        case .tombstonePlaced(let id):
            json.plain("cancelledBeforehand")
            json.member("id", id)
        case .holdsGraced(let notBeforeMs):
            json.plain("holdsGraced")
            json.member("notBefore", time: notBeforeMs)
        default: break
        }
    }

    private func writePointEvent(to json: inout JSONWriter) {
        switch self {
        case .pointsEarned(let id, let user, let points, let expiresAtMs):
            json.plain("pointsEarned")
            json.member("transactionId", id)
            json.member("userId", user)
            json.member("amount", count: UInt64(points))
            json.member("expiresAt", time: expiresAtMs)
        case .pointsUsed(let id, let user, let points):
            json.plain("pointsUsed")
            json.member("transactionId", id)
            json.member("userId", user)
            json.member("amount", count: UInt64(points))
        case .transactionCancelled(let id):
            json.plain("transactionCancelled")
            json.member("transactionId", id)
        case .transactionReasoned(let id, let reason):
            json.plain("transactionReasoned")
            json.member("transactionId", id)
            json.key("reason")
            json.text(reason)
        default: break
        }
    }

    private func writeCouponEvent(to json: inout JSONWriter) {
        switch self {
        case .couponIssued(let coupon, let user, let policy):
            json.plain("couponIssued")
            json.member("couponId", coupon)
            json.member("userId", user)
            json.member("policyId", policy.rawValue)
        case .couponUsed(_, let coupon, let order, let purchaseAmount, let discount):
            json.plain("couponUsed")
            json.member("couponId", coupon)
            if let order { json.member("orderId", order) }
            if let purchaseAmount { json.member("purchaseAmount", count: purchaseAmount) }
            json.member("discount", count: discount)
        case .couponRestored(_, let coupon):
            json.plain("couponRestored")
            json.member("couponId", coupon)
        default: break
        }
    }

    private func writeCheckoutEvent(to json: inout JSONWriter) {
        switch self {
        case .checkoutPlaced(let placed):
            json.plain("checkoutPlaced")
            json.member("checkoutId", placed.id)
            json.member("userId", placed.user)
            json.key("orderIds")
            json.beginArray()
            for order in placed.orders { json.operation(order) }
            json.endArray()
            if let coupon = placed.coupon { json.member("couponId", coupon) }
            json.member("subtotal", count: placed.subtotal)
            json.member("discount", count: placed.discount)
            json.member("pointsUsed", count: UInt64(placed.pointsUsed))
            json.member("pointsEarned", count: UInt64(placed.pointsEarned))
            json.member("expiresAt", time: placed.deadlineMs)
        case .checkoutConfirmed(let id, let isLate):
            json.plain("checkoutConfirmed")
            json.member("checkoutId", id)
            json.member("lateConfirm", isLate)
        case .checkoutCancelled(let id):
            json.plain("checkoutCancelled")
            json.member("checkoutId", id)
        case .checkoutExpired(let id):
            json.plain("checkoutExpired")
            json.member("checkoutId", id)
        default: break
        }
    }

    private func writeCatalogueEvent(to json: inout JSONWriter) {
        switch self {
        case .saleCreated(let sale):
            json.plain("timeSaleCreated")
            json.member("timeSaleId", sale.id.rawValue)
            json.member("name", sale.name)
            json.member("stock", count: sale.stock)
        case .saleRestocked(let id, let units, _):
            json.plain("timeSaleRestocked")
            json.member("timeSaleId", id.rawValue)
            json.member("quantity", count: units)
        case .saleClosed(let id):
            json.plain("timeSaleClosed")
            json.member("timeSaleId", id.rawValue)
        case .policyCreated(let policy):
            json.plain("couponPolicyCreated")
            json.member("policyId", policy.id.rawValue)
            json.member("name", policy.name)
            json.member("quantity", count: policy.quantity)
        case .policyRestocked(let id, let units, _):
            json.plain("couponPolicyRestocked")
            json.member("policyId", id.rawValue)
            json.member("quantity", count: units)
        case .policyClosed(let id):
            json.plain("couponPolicyClosed")
            json.member("policyId", id.rawValue)
        case .saleRetired(let id):
            json.plain("timeSaleForgotten")
            json.member("timeSaleId", id.rawValue)
        case .policyRetired(let id):
            json.plain("couponPolicyForgotten")
            json.member("policyId", id.rawValue)
        case .retired(let record): record.write(to: &json)
        case .unknown(let kind):
            json.plain("unknown")
            json.member("kind", count: UInt64(kind))
        default: json.plain("unknown")
        }
    }
}

extension LoggedEvent.RetiredRecord {
    fileprivate func write(to json: inout JSONWriter) {
        json.plain("forgotten")
        switch self {
        case .order(let id): json.member("orderId", id)
        case .tombstone(let id): json.member("id", id)
        case .transaction(let id): json.member("transactionId", id)
        case .coupon(let id): json.member("couponId", id)
        case .couponOperation(let id): json.member("id", id)
        case .checkout(let id): json.member("checkoutId", id)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: StaticString, _ id: some UserOperationID) {
        key(name)
        operation(id)
    }
    fileprivate mutating func member(_ name: StaticString, _ user: UserID) {
        key(name)
        self.user(user)
    }
    fileprivate mutating func member(_ name: StaticString, _ offer: UInt64) {
        key(name)
        id(offer)
    }
    fileprivate mutating func member(_ name: StaticString, count: UInt64) {
        key(name)
        number(count)
    }
    fileprivate mutating func member(_ name: StaticString, time: UInt64?) {
        key(name)
        self.time(time)
    }
    fileprivate mutating func member(_ name: StaticString, _ flag: Bool) {
        key(name)
        self.flag(flag)
    }
}

import Engine
import Protocol

/// Adds what an event says, beside its kind and its time: the same names in JSON and for people.
func describe(_ kind: EventKind, _ event: UnsafeRawPointer, _ line: inout some FieldSink) {
    let flags: UInt8 = event.loadLE(EventField.flags)
    switch kind {
    case .orderPlaced, .orderKept:
        line.add("order", event.loadId(EventField.id))
        line.add("user", event.loadId(EventField.userId))
        line.add("sale", String(event.loadLE(EventField.orderSale, as: UInt64.self)))
        line.add("quantity", event.loadLE(EventField.quantity, as: UInt32.self))
        line.add("deadlineMs", event.loadLE(EventField.orderDeadlineMs, as: UInt64.self))
        guard kind == .orderKept else { return }
        line.add("state", OrderState(rawValue: flags & 15).map { "\($0)" } ?? "unknown")
        line.add("late", flags >> 4 & ResultFlags.late != 0)
    case .orderConfirmed:
        line.add("order", event.loadId(EventField.id))
        line.add("late", flags & 1 != 0)
    case .orderCancelled, .orderExpired, .tombstonePlaced:
        line.add("order", event.loadId(EventField.id))
    case .orderExtended:
        line.add("order", event.loadId(EventField.id))
        line.add("deadlineMs", event.loadLE(EventField.extendedDeadlineMs, as: UInt64.self))
    case .holdsGraced:
        line.add("notBeforeMs", event.loadLE(EventField.notBeforeMs, as: UInt64.self))
    case .pointsEarned, .pointsUsed, .transactionKept:
        line.add("transaction", event.loadId(EventField.id))
        line.add("user", event.loadId(EventField.userId))
        line.add("points", event.loadLE(EventField.quantity, as: UInt32.self))
        if kind != .pointsUsed {
            line.add("expiresAtMs", event.loadLE(EventField.pointsExpireAtMs, as: UInt64.self))
        }
        guard kind == .transactionKept else { return }
        line.add("transactionKind", TransactionKind(rawValue: flags & 15).map { "\($0)" } ?? "unknown")
        line.add("cancelled", flags >> 4 != 0)
        line.add("remaining", event.loadLE(EventField.remaining, as: UInt32.self))
    case .transactionCancelled:
        line.add("transaction", event.loadId(EventField.id))
    case .transactionReasoned:
        line.add("transaction", event.loadId(EventField.id))
        line.add("reason", Reason(event + EventField.reason).text)
    case .takingKept:
        line.add("transaction", event.loadId(EventField.id))
        line.add("earning", event.loadId(EventField.takingLotId))
        line.add("points", event.loadLE(EventField.quantity, as: UInt32.self))
    case .couponIssued:
        line.add("coupon", event.loadId(EventField.id))
        line.add("user", event.loadId(EventField.userId))
        line.add("policy", String(event.loadLE(EventField.couponPolicy, as: UInt64.self)))
    case .couponUsed, .couponOperationKept:
        line.add(flags & 15 == 1 ? "restore" : "use", event.loadId(EventField.id))
        line.add("coupon", event.loadId(EventField.usedCoupon))
        line.add("order", event.loadId(EventField.couponOrder))
        line.add("purchaseAmount", event.loadLE(EventField.purchaseAmount, as: UInt64.self))
        line.add("discount", event.loadLE(EventField.discount, as: UInt64.self))
        if kind == .couponOperationKept { line.add("inEffect", flags >> 4 != 0) }
    case .couponRestored:
        line.add("restore", event.loadId(EventField.id))
        line.add("coupon", event.loadId(EventField.usedCoupon))
    case .checkoutPlaced, .checkoutKept:
        describeCheckout(event, &line)
    case .checkoutConfirmed:
        line.add("checkout", event.loadId(EventField.id))
        line.add("late", flags & 1 != 0)
    case .checkoutCancelled, .checkoutExpired:
        line.add("checkout", event.loadId(EventField.id))
    case .saleCreated, .saleKept, .policyCreated, .policyKept: describeCreation(kind, event, &line)
    case .saleRestocked, .policyRestocked, .catalogueOperationKept:
        let isPolicy = kind == .policyRestocked || kind == .catalogueOperationKept && flags == 1
        line.add("operation", event.loadId(EventField.id))
        line.add(isPolicy ? "policy" : "sale", String(event.loadLE(EventField.offer, as: UInt64.self)))
        line.add("units", event.loadLE(EventField.stock, as: UInt64.self))
    case .retired:
        line.add("id", event.loadId(EventField.id))
        line.add("was", RetiredKind(rawValue: flags).map { "\($0)" } ?? "unknown")
    case .unitsRetiredKept:
        line.add(flags == 0 ? "sale" : "policy", String(event.loadLE(EventField.closedOffer, as: UInt64.self)))
        line.add("held", event.loadLE(EventField.retiredHeld, as: UInt64.self))
        line.add("sold", event.loadLE(EventField.retiredSold, as: UInt64.self))
    case .offerRetiredKept:
        line.add(flags == 0 ? "sale" : "policy", String(event.loadLE(EventField.closedOffer, as: UInt64.self)))
    case .idsForgottenKept:
        line.add("mintedUntilMs", event.loadLE(EventField.forgottenMintMs, as: UInt64.self))
    case .saleClosed, .saleRetired:
        line.add("sale", String(event.loadLE(EventField.closedOffer, as: UInt64.self)))
    case .policyClosed, .policyRetired:
        line.add("policy", String(event.loadLE(EventField.closedOffer, as: UInt64.self)))
    }
}

private func describeCreation(_ kind: EventKind, _ event: UnsafeRawPointer, _ line: inout some FieldSink) {
    let isSale = kind == .saleCreated || kind == .saleKept
    line.add("operation", event.loadId(EventField.id))
    line.add(isSale ? "sale" : "policy", String(event.loadLE(EventField.offer, as: UInt64.self)))
    line.add("name", Name(event + EventField.name).text)
    line.add(isSale ? "stock" : "quantity", event.loadLE(EventField.stock, as: UInt64.self))
    line.add(isSale ? "startsAtMs" : "validFromMs", event.loadLE(EventField.startsAtMs, as: UInt64.self))
    line.add(isSale ? "endsAtMs" : "validUntilMs", event.loadLE(EventField.endsAtMs, as: UInt64.self))
    line.add(isSale ? "unitPrice" : "discountValue", event.loadLE(EventField.unitPrice, as: UInt64.self))
    line.add("perUserLimit", event.loadLE(EventField.perUserLimit, as: UInt32.self))
    if isSale {
        line.add("holdMs", event.loadLE(EventField.holdMs, as: UInt32.self))
    } else {
        let raw: UInt8 = event.loadLE(EventField.discountKind)
        line.add("discountKind", DiscountKind(rawValue: raw).map { "\($0)" } ?? "unknown")
        line.add("maxDiscount", event.loadLE(EventField.maxDiscount, as: UInt64.self))
        line.add("minPurchase", event.loadLE(EventField.minPurchase, as: UInt64.self))
    }
    guard kind == .saleKept || kind == .policyKept else { return }
    let offset = isSale ? EventField.saleStockNow : EventField.policyStockNow
    line.add(isSale ? "stockNow" : "quantityNow", event.loadLE(offset, as: UInt64.self))
    line.add("closed", event.loadLE(EventField.flags, as: UInt8.self) & 1 != 0)
}

private func describeCheckout(_ event: UnsafeRawPointer, _ line: inout some FieldSink) {
    line.add("checkout", event.loadId(EventField.id))
    line.add("user", event.loadId(EventField.userId))
    line.add("orders", event.loadLE(EventField.quantity, as: UInt32.self))
    let coupon = event.loadId(EventField.checkoutCoupon)
    if !coupon.isZero { line.add("coupon", coupon) }
    line.add("subtotal", event.loadLE(EventField.checkoutSubtotal, as: UInt64.self))
    line.add("discount", event.loadLE(EventField.checkoutDiscount, as: UInt64.self))
    line.add("pointsUsed", event.loadLE(EventField.checkoutPointsUsed, as: UInt32.self))
    line.add("pointsEarned", event.loadLE(EventField.checkoutPointsEarned, as: UInt32.self))
    line.add("earnExpiresAtMs", event.loadLE(EventField.checkoutEarnExpiresAtMs, as: UInt64.self))
    line.add("deadlineMs", event.loadLE(EventField.checkoutDeadlineMs, as: UInt64.self))
}

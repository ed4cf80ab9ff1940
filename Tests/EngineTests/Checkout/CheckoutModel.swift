import Protocol

/// What checkouts should be, as plainly as it can be said: on top of the models of points and coupons, and of units
/// that are counted anew for each question.
struct CheckoutModel {
    struct Checkout {
        var entry: PlaceCheckoutEntry
        /// The result of its placing; its state, flags and times change with it.
        var shown: CheckoutResult
        var deadlineMs: UInt64
        var state: OrderState { OrderState(rawValue: shown.state)! }
        var orders: [CheckoutLine] { shown.orders.first(Int(shown.orderCount)) }
    }

    var sales: [UInt64: CreateSaleEntry] = [:]
    var closed: Set<UInt64> = []
    var ledger = LedgerModel()
    var coupons = CouponModel()
    private(set) var checkouts: [Id128: Checkout] = [:]
    private(set) var tombstones: [Id128: UInt64] = [:]
    /// In the order of their placing.
    private(set) var ids: [Id128] = []

    // MARK: Place

    mutating func place(_ entry: PlaceCheckoutEntry, nowMs: UInt64) -> CheckoutResult {
        func refused(_ code: ResultCode, _ part: CheckoutPart = .whole) -> CheckoutResult {
            CheckoutResult(code: code, failedAt: part, checkoutId: entry.checkoutId)
        }
        let orders = Self.summed(entry)
        if let known = checkouts[entry.checkoutId] {
            var same = entry
            same.lines = known.entry.lines
            same.lineCount = known.entry.lineCount
            guard same == known.entry, orders == known.orders else { return refused(.idReused) }
            return shown(entry.checkoutId, .ok, flags: ResultFlags.repeat)
        }
        if tombstones[entry.checkoutId] != nil { return refused(.cancelled) }
        switch priced(entry, nowMs: nowMs) {
        case .failure(let refusal): return refused(refusal.code, refusal.part)
        case .success(let shown):
            for order in orders where free(order.saleId) < UInt64(order.quantity) {
                // Of several that are short the one with the lowest slot fails first: sales have slots by number.
                let short = orders.filter { free($0.saleId) < UInt64($0.quantity) }.map(\.saleId).min()!
                return refused(.soldOut, Self.line(entry, short))
            }
            return accept(entry, shown, nowMs: nowMs)
        }
    }

    private struct Refusal: Error {
        var code: ResultCode
        var part: CheckoutPart
    }

    /// What it would cost, or why not.
    private func priced(_ entry: PlaceCheckoutEntry, nowMs: UInt64) -> Result<CheckoutResult, Refusal> {
        func refused(_ code: ResultCode, _ part: CheckoutPart) -> Result<CheckoutResult, Refusal> {
            .failure(Refusal(code: code, part: part))
        }
        var shown = CheckoutResult(code: .ok, checkoutId: entry.checkoutId)
        var sums: [UInt64: UInt64] = [:]
        for (index, line) in entry.lines.first(Int(entry.lineCount)).enumerated() {
            guard let sale = sales[line.saleId] else { return refused(.notFound, .line(index)) }
            if closed.contains(line.saleId) { return refused(.closed, .line(index)) }
            if sale.endsAtMs != 0 && nowMs >= sale.endsAtMs { return refused(.ended, .line(index)) }
            sums[line.saleId, default: 0] += UInt64(line.quantity)
            if sale.perUserLimit != 0
                && had(entry.userId, line.saleId) + sums[line.saleId]! > UInt64(sale.perUserLimit)
            {
                return refused(.limitExceeded, .line(index))
            }
            shown.subtotal += sale.unitPrice * UInt64(line.quantity)
        }
        if !entry.couponId.isZero {
            var coupons = coupons
            let used = coupons.use(Self.use(entry, shown.subtotal), nowMs: nowMs)
            if used.code != .ok { return refused(used.code, .coupon) }
            shown.discount = used.discount
        }
        if UInt64(entry.usePoints) > shown.subtotal - shown.discount { return refused(.invalid, .pointsUsed) }
        if UInt64(entry.usePoints) > ledger.balance(entry.userId, nowMs: nowMs) {
            return refused(.insufficientPoints, .pointsUsed)
        }
        if entry.earnPoints > 0 && entry.earnExpiresAtMs != 0 && entry.earnExpiresAtMs <= nowMs {
            return refused(.expired, .pointsEarned)
        }
        return .success(shown)
    }

    private mutating func accept(_ entry: PlaceCheckoutEntry, _ priced: CheckoutResult, nowMs: UInt64) -> CheckoutResult
    {
        let orders = Self.summed(entry)
        let holdMs = orders.map { sales[$0.saleId]!.holdMs }.filter { $0 != 0 }.min()
        var shown = priced
        shown.state = (holdMs == nil ? OrderState.confirmed : .held).rawValue
        shown.orderCount = UInt8(orders.count)
        shown.orders = CheckoutLines(orders)!
        shown.userId = entry.userId
        shown.couponId = entry.couponId
        shown.toPay = shown.subtotal - shown.discount - UInt64(entry.usePoints)
        shown.createdAtMs = nowMs
        shown.earnExpiresAtMs = entry.earnExpiresAtMs
        shown.pointsUsed = entry.usePoints
        shown.pointsEarned = entry.earnPoints
        let checkout = Checkout(entry: entry, shown: shown, deadlineMs: nowMs + UInt64(holdMs ?? 0))
        checkouts[entry.checkoutId] = checkout
        ids.append(entry.checkoutId)
        if !entry.couponId.isZero { _ = coupons.use(Self.use(entry, shown.subtotal), byCheckoutAt: nowMs) }
        if entry.usePoints > 0 {
            _ = ledger.use(
                UsePointsEntry(
                    transactionId: entry.checkoutId.ofPart(.pointsUsed), userId: entry.userId, amount: entry.usePoints),
                nowMs: nowMs)
        }
        if holdMs == nil { postEarning(entry, nowMs: nowMs) }
        return self.shown(entry.checkoutId, .ok)
    }

    private mutating func postEarning(_ entry: PlaceCheckoutEntry, nowMs: UInt64) {
        if entry.earnPoints == 0 { return }
        ledger.earn(
            EarnEntry(
                transactionId: entry.checkoutId.ofPart(.pointsEarned), userId: entry.userId,
                expiresAtMs: entry.earnExpiresAtMs, amount: entry.earnPoints), nowMs: nowMs)
    }

    // MARK: Ends

    mutating func confirm(_ id: Id128, nowMs: UInt64) -> CheckoutResult {
        if tombstones[id] != nil { return tombstone(id, .cancelled) }
        guard let checkout = checkouts[id] else { return CheckoutResult(code: .notFound, checkoutId: id) }
        switch checkout.state {
        case .confirmed: return shown(id, .ok, flags: ResultFlags.repeat)
        case .cancelled: return shown(id, .cancelled)
        case .held: break
        case .expired:
            if let part = takeAgain(checkout, nowMs: nowMs) { return shown(id, .expired, failedAt: part) }
            checkouts[id]!.shown.flags = ResultFlags.late
        }
        checkouts[id]!.shown.state = OrderState.confirmed.rawValue
        postEarning(checkout.entry, nowMs: nowMs)
        return shown(id, .ok)
    }

    /// What an expired one had, or which part of it is not there; then nothing is taken.
    private mutating func takeAgain(_ checkout: Checkout, nowMs: UInt64) -> CheckoutPart? {
        let entry = checkout.entry
        for (number, order) in checkout.orders.enumerated() {
            let limit = UInt64(sales[order.saleId]!.perUserLimit)
            if limit != 0 && had(entry.userId, order.saleId) + UInt64(order.quantity) > limit { return .line(number) }
        }
        var coupons = coupons
        if !entry.couponId.isZero && !coupons.useAgain(entry.checkoutId.ofPart(.coupon), nowMs: nowMs) {
            return .coupon
        }
        if ledger.balance(entry.userId, nowMs: nowMs) < UInt64(entry.usePoints) { return .pointsUsed }
        let short = checkout.orders.filter { free($0.saleId) < UInt64($0.quantity) }.map(\.saleId).min()
        if let short { return .line(checkout.orders.firstIndex { $0.saleId == short }!) }
        self.coupons = coupons
        if entry.usePoints > 0 { ledger.useAgain(entry.checkoutId.ofPart(.pointsUsed), nowMs: nowMs) }
        return nil
    }

    mutating func cancel(_ id: Id128, nowMs: UInt64) -> CheckoutResult {
        if tombstones[id] != nil { return tombstone(id, .ok, flags: ResultFlags.repeat) }
        guard let checkout = checkouts[id] else {
            tombstones[id] = nowMs
            return tombstone(id, .ok)
        }
        switch checkout.state {
        case .cancelled: return shown(id, .ok, flags: ResultFlags.repeat)
        case .expired: break
        case .held: giveBack(checkout)
        case .confirmed:
            if checkout.entry.earnPoints > 0 && ledger.cancel(id.ofPart(.pointsEarned)) != .ok {
                return shown(id, .alreadySpent, failedAt: .pointsEarned)
            }
            giveBack(checkout)
        }
        checkouts[id]!.shown.state = OrderState.cancelled.rawValue
        return shown(id, .ok)
    }

    mutating func expire(nowMs: UInt64) {
        for id in ids where checkouts[id]!.state == .held && checkouts[id]!.deadlineMs <= nowMs {
            giveBack(checkouts[id]!)
            checkouts[id]!.shown.state = OrderState.expired.rawValue
        }
    }

    private mutating func giveBack(_ checkout: Checkout) {
        let id = checkout.entry.checkoutId
        if !checkout.entry.couponId.isZero { coupons.endUse(id.ofPart(.coupon)) }
        if checkout.entry.usePoints > 0 { _ = ledger.cancel(id.ofPart(.pointsUsed)) }
    }

    func get(_ id: Id128) -> CheckoutResult {
        if tombstones[id] != nil { return tombstone(id, .cancelled) }
        return checkouts[id] == nil ? CheckoutResult(code: .notFound, checkoutId: id) : shown(id, .ok)
    }

    // MARK: What is shown

    private func shown(
        _ id: Id128, _ code: ResultCode, flags: UInt8 = 0, failedAt: CheckoutPart = .whole
    ) -> CheckoutResult {
        let checkout = checkouts[id]!
        var shown = checkout.shown
        shown.code = code
        shown.flags |= flags
        shown.failedAt = failedAt
        shown.expiresAtMs = checkout.state == .held ? checkout.deadlineMs : 0
        return shown
    }

    private func tombstone(_ id: Id128, _ code: ResultCode, flags: UInt8 = 0) -> CheckoutResult {
        var shown = CheckoutResult(code: code, checkoutId: id)
        shown.state = OrderState.cancelled.rawValue
        shown.flags = flags | ResultFlags.tombstone
        shown.createdAtMs = tombstones[id]!
        return shown
    }

    // MARK: Units

    func units(_ sale: UInt64, in state: OrderState, of user: Id128? = nil) -> UInt64 {
        var units: UInt64 = 0
        for checkout in checkouts.values where checkout.state == state {
            if let user, checkout.entry.userId != user { continue }
            for order in checkout.orders where order.saleId == sale { units += UInt64(order.quantity) }
        }
        return units
    }

    func free(_ sale: UInt64) -> UInt64 {
        sales[sale]!.stock - units(sale, in: .held) - units(sale, in: .confirmed)
    }

    private func had(_ user: Id128, _ sale: UInt64) -> UInt64 {
        units(sale, in: .held, of: user) + units(sale, in: .confirmed, of: user)
    }

    /// One order for each sale, in the order in which lines first name them.
    private static func summed(_ entry: PlaceCheckoutEntry) -> [CheckoutLine] {
        var orders: [CheckoutLine] = []
        for line in entry.lines.first(Int(entry.lineCount)) {
            if let known = orders.firstIndex(where: { $0.saleId == line.saleId }) {
                orders[known].quantity += line.quantity
            } else {
                orders.append(line)
            }
        }
        return orders
    }

    private static func line(_ entry: PlaceCheckoutEntry, _ sale: UInt64) -> CheckoutPart {
        .line(entry.lines.first(Int(entry.lineCount)).firstIndex { $0.saleId == sale }!)
    }

    private static func use(_ entry: PlaceCheckoutEntry, _ subtotal: UInt64) -> UseCouponEntry {
        UseCouponEntry(
            useId: entry.checkoutId.ofPart(.coupon), couponId: entry.couponId, userId: entry.userId,
            orderId: entry.checkoutId, purchaseAmount: subtotal)
    }
}

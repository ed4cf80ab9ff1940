import Engine
import Protocol

// What clients ask for about checkouts.

extension World {
    func composeCheckout(_ client: Int) {
        guard offers.contains(where: { $0.key.kind == .sale }) else {
            return composeCatalogue(.createSale, .sale, client)
        }
        // What checkouts use comes from here too: the other modules may have no part in this run.
        let kinds: [(Operation, Int)] = [
            (.placeCheckout, 45), (.confirmCheckout, 18), (.cancelCheckout, 14), (.getCheckout, 6), (.issueCoupon, 12),
            (.earnPoints, 9), (.cancel, 1), (.cancelTransaction, 1), (.getOrder, 1),
        ]
        var operation = kinds[dice.weighted(kinds.map(\.1))].0
        // Before the first one is there, there is little to end.
        if placedCheckouts.isEmpty && operation.isCheckout && dice.chance(700) { operation = .placeCheckout }
        switch operation {
        case .placeCheckout: send(operation, (0..<checkoutCount()).map { _ in placeItem() }, from: client)
        case .issueCoupon:
            guard offers.contains(where: { $0.key.kind == .policy }) else {
                return composeCatalogue(.createPolicy, .policy, client)
            }
            send(operation, (0..<batchCount()).map { _ in issueItem() }, from: client)
        case .earnPoints: send(operation, (0..<batchCount()).map { _ in pointItem(operation) }, from: client)
        case .cancel, .cancelTransaction, .getOrder:
            // An operation of another kind on the id of a checkout.
            if checkouts.isEmpty { return }
            send(operation, [checkoutItem(recentCheckout())], from: client)
        default:
            if checkouts.isEmpty { return }
            send(operation, (0..<checkoutCount()).map { _ in endItem(operation) }, from: client)
        }
    }

    private func checkoutCount() -> Int { dice.pick(1...max(1, scenario.batchMax / 4)) }

    // MARK: Place

    private func placeItem() -> Item {
        if !checkouts.isEmpty && dice.chance(150) { return repeatItem() }
        if dice.chance(30) { return malformedCheckout() }
        return placeItem(newCheckout())
    }

    private func placeItem(_ index: Int) -> Item {
        var item = checkoutItem(index)
        item.entry = .place(checkouts[index].entry)
        return item
    }

    private func checkoutItem(_ index: Int) -> Item {
        var item = Item()
        item.checkout = index
        item.id = checkouts[index].entry.checkoutId
        item.user = checkouts[index].entry.userId
        return item
    }

    private func newCheckout() -> Int {
        let coupon = dice.chance(600) ? couponForCheckout() : nil
        let user = coupon.map { coupons[$0].entry.userId } ?? dice.pick(users)
        var entry = PlaceCheckoutEntry(
            checkoutId: mint(Partition.of(user: user)), userId: user, lineCount: 1, lines: CheckoutLines())
        entry.lineCount = UInt16(dice.chance(100) ? dice.pick(1...CheckoutLines.countMax) : dice.pick(1...4))
        for line in 0..<Int(entry.lineCount) {
            let saleId = dice.chance(5) ? 0xdead : saleForCheckout()
            let quantity = dice.chance(800) ? 1 : dice.pick(1...scenario.quantityMax)
            entry.lines[line] = CheckoutLine(saleId: saleId, quantity: UInt32(quantity))
        }
        if let coupon { entry.couponId = coupons[coupon].entry.couponId }
        if dice.chance(20) { entry.couponId = strangeCoupon(user) }
        if dice.chance(400) { entry.usePoints = pointsForCheckout(user) }
        if dice.chance(450) {
            entry.earnPoints = UInt32(dice.pick(1...100))
            if dice.chance(500) { entry.earnExpiresAtMs = clockMs + UInt64(dice.pick(1...3000)) }
        }
        return enter(entry)
    }

    /// Mostly as many as there are, or fewer.
    private func pointsForCheckout(_ user: Id128) -> UInt32 {
        guard let ledger = model.ledgers[user], let moment = ledger.moments.last, dice.chance(850) else {
            return UInt32(dice.pick(1...120))
        }
        let balance = Int(ledger.balance(moment, atMs: clockMs))
        return balance == 0 ? 0 : UInt32(dice.pick(1...max(1, balance / 2)))
    }

    /// Mostly one that can be used, as far as a few looks find one.
    private func couponForCheckout() -> Int? {
        if issuedCoupons.isEmpty { return nil }
        for look in 0..<16 {
            let index = unusedCoupon()
            let key = OfferKey(kind: .policy, id: coupons[index].entry.policyId)
            guard case .policy(let policy)? = offers.first(where: { $0.key == key })?.creation else { continue }
            let isValid = policy.validUntilMs == 0 || policy.validUntilMs > clockMs
            if isValid && !usedCoupons.contains(index) && (look > 8 || policy.minPurchase == 0) { return index }
        }
        return dice.chance(300) ? unusedCoupon() : nil
    }

    /// One that nobody has, or perhaps somebody else.
    private func strangeCoupon(_ user: Id128) -> Id128 {
        if coupons.isEmpty || dice.chance(300) { return mint(Partition.of(user: user)) }
        return coupons[dice.below(coupons.count)].entry.couponId
    }

    /// Mostly one that goes on and is not sold out, as far as a few looks find one.
    private func saleForCheckout() -> UInt64 {
        for _ in 0..<5 {
            let creation = offers[offerIndex(.sale)].creation
            guard let index = model.offer(creation.key), creation.isOpen(atMs: clockMs) else { continue }
            if machine.counters.totals(index + 1).available > 1 { return creation.key.id }
        }
        return offers[offerIndex(.sale)].key.id
    }

    /// The client knows the ids of its parts from the start.
    private func enter(_ entry: PlaceCheckoutEntry) -> Int {
        let (index, id, user) = (checkouts.count, entry.checkoutId, entry.userId)
        let numbered = Self.summed(entry).enumerated().map { number, line in
            let part = id.ofPart(.line(number))
            model.wantedParts.insert(part)
            return enter(
                KnownOrder(id: part, user: user, saleId: line.saleId, quantity: line.quantity, checkout: index))
        }
        checkoutOrders += numbered
        checkouts.append(KnownCheckout(entry: entry, orders: numbered))
        var parts: [Change] = []
        if entry.usePoints > 0 {
            parts.append(
                .spend(
                    UsePointsEntry(transactionId: id.ofPart(.pointsUsed), userId: user, amount: entry.usePoints)))
        }
        if entry.earnPoints > 0 {
            parts.append(
                .earn(
                    EarnEntry(
                        transactionId: id.ofPart(.pointsEarned), userId: user, expiresAtMs: entry.earnExpiresAtMs,
                        amount: entry.earnPoints)))
        }
        if couponIndices[entry.couponId] != nil {
            parts.append(
                .use(
                    UseCouponEntry(
                        useId: id.ofPart(.coupon), couponId: entry.couponId, userId: user, orderId: id,
                        purchaseAmount: 10_000)))
        }
        for part in parts {
            changes.append(KnownChange(change: part))
            checkoutChanges[part.operation, default: []].append(changes.count - 1)
        }
        return index
    }

    /// One line for each sale, in the order in which lines first name them.
    static func summed(_ entry: PlaceCheckoutEntry) -> [CheckoutLine] {
        var lines: [CheckoutLine] = []
        for line in entry.lines.first(Int(entry.lineCount)) {
            if let place = lines.firstIndex(where: { $0.saleId == line.saleId }) {
                lines[place].quantity += line.quantity
            } else {
                lines.append(line)
            }
        }
        return lines
    }

    /// A checkout that was sent before, with the same content, with the same put differently, or with another one.
    private func repeatItem() -> Item {
        var item = placeItem(recentCheckout())
        guard case .place(var entry)? = item.entry else { return item }
        switch dice.below(10) {
        case 0: entry.lines[0].quantity += 1
        case 1: entry.usePoints += 1
        case 2: entry.earnPoints += 1
        case 3: entry.couponId = .zero
        case 4:
            let lines = Self.summed(entry)
            entry.lineCount = UInt16(lines.count)
            entry.lines = CheckoutLines(lines) ?? entry.lines
        default: break
        }
        item.entry = .place(entry)
        return item
    }

    private func malformedCheckout() -> Item {
        coverage[.malformed] += 1
        let user = dice.pick(users)
        let partition = Partition.of(user: user)
        let line = CheckoutLine(saleId: offers[offerIndex(.sale)].key.id, quantity: 1)
        var entry = PlaceCheckoutEntry(
            checkoutId: mint(partition), userId: user, lineCount: 2, lines: CheckoutLines([line, line]) ?? .init())
        var item = Item()
        item.expected = .invalid
        switch dice.below(9) {
        case 0: entry.lineCount = dice.pick([0, 17, 65535])
        case 1: entry.lineCount = 1
        case 2: entry.userId = .zero
        case 3: (entry.lines[1].quantity, item.expectedPart) = (dice.pick([0, 1_000_000]), .line(1))
        case 4: (entry.usePoints, item.expectedPart) = (1_000_000_001, .pointsUsed)
        case 5: (entry.earnPoints, item.expectedPart) = (1_000_000_001, .pointsEarned)
        case 6: (entry.earnExpiresAtMs, item.expectedPart) = (clockMs + 1_000_000, .pointsEarned)
        case 7: (entry.checkoutId, item.expected) = (Id128(high: dice.next() & ~0xf000 | 0x4000, low: 7), .invalidId)
        default: (entry.checkoutId, item.expected) = (mint((partition + 1) & 4095), .wrongPartition)
        }
        item.id = entry.checkoutId
        item.entry = .place(entry)
        return item
    }

    // MARK: Confirm, cancel and get

    private func endItem(_ operation: Operation) -> Item {
        if operation != .confirmCheckout && !plainOrders.isEmpty && dice.chance(5) {
            return orderItem(plainOrders[plainOrders.count - 1 - dice.below(min(plainOrders.count, 40))])
        }
        // A cancel may overtake the checkout that it ends: that one is sent later, or never.
        if operation == .cancelCheckout && dice.chance(60) { return checkoutItem(newCheckout()) }
        guard !placedCheckouts.isEmpty, dice.chance(900) else { return checkoutItem(recentCheckout()) }
        let recent = dice.chance(750) ? Array(placedCheckouts.suffix(dice.pick([3, 20]))) : placedCheckouts
        return checkoutItem(dice.pick(recent))
    }

    private func recentCheckout() -> Int {
        dice.chance(800) ? checkouts.count - 1 - dice.below(min(checkouts.count, 20)) : dice.below(checkouts.count)
    }

    // MARK: What the client knows

    /// What the client has been shown of a checkout and of what it is about.
    func rememberCheckout(_ item: inout Item) {
        guard let index = item.checkout else { return }
        item.shownVersions = checkouts[index].shownVersions
        item.isTombstoneShown = checkouts[index].isTombstoneShown
        var entry = checkouts[index].entry
        if case .place(let asked)? = item.entry { entry = asked }
        for line in 0..<Int(entry.lineCount) {
            let key = OfferKey(kind: .sale, id: entry.lines[line].saleId)
            guard let offer = offers.first(where: { $0.key == key }) else { continue }
            if offer.isCreationShown { item.linesShown |= 1 << UInt16(line) }
            if offer.isClosingAcknowledged { item.linesClosed |= 1 << UInt16(line) }
        }
        if let coupon = couponIndices[entry.couponId] { item.couponShown = coupons[coupon].shownVersions }
    }
}

import Engine
import Protocol

// What clients ask for about coupons.

extension World {
    func composeCoupon(_ client: Int) {
        guard offers.contains(where: { $0.key.kind == .policy }) else {
            return composeCatalogue(.createPolicy, .policy, client)
        }
        let kinds: [(Operation, Int)] = [
            (.issueCoupon, 45), (.useCoupon, 24), (.restoreCoupon, 13), (.getCoupon, 4), (.listUserCoupons, 4),
            (.createPolicy, 4), (.restockPolicy, scenario.restockWeight), (.closePolicy, 1), (.getPolicy, 3),
            (.listPolicies, 2),
        ]
        var operation = kinds[dice.weighted(kinds.map(\.1))].0
        // Before the first one is issued, there is little to use.
        let isUse = operation == .useCoupon || operation == .restoreCoupon
        if issuedCoupons.isEmpty && isUse && dice.chance(700) { operation = .issueCoupon }
        switch operation {
        case .issueCoupon: send(operation, (0..<batchCount()).map { _ in issueItem() }, from: client)
        case .useCoupon, .restoreCoupon, .getCoupon:
            if coupons.isEmpty { return }
            send(operation, (0..<batchCount()).map { _ in couponItem(operation) }, from: client)
        case .listUserCoupons:
            var item = Item()
            item.user = dice.pick(users)
            item.stateMask = dice.pick([0, 0, 0b001, 0b010, 0b101])
            send(operation, [item], from: client)
        default: composeCatalogue(operation, .policy, client)
        }
    }

    // MARK: Issue

    func issueItem() -> Item {
        if !coupons.isEmpty && dice.chance(200) {
            var item = issueItem(recentCoupon())
            if dice.chance(200), case .issue(var entry)? = item.entry {
                entry.policyId = offers[offerIndex(.policy)].key.id
                (item.entry, item.offerKey.id) = (.issue(entry), entry.policyId)
            }
            return item
        }
        if dice.chance(20) { return malformedIssue() }
        let policyId = dice.chance(10) ? 0xdead : offers[offerIndex(.policy)].key.id
        return issueItem(newCoupon(user: dice.pick(users), policyId: policyId))
    }

    func issueItem(_ index: Int) -> Item {
        let entry = coupons[index].entry
        var item = Item()
        item.coupon = index
        item.id = entry.couponId
        item.user = entry.userId
        item.offerKey = OfferKey(kind: .policy, id: entry.policyId)
        item.entry = .issue(entry)
        return item
    }

    func newCoupon(user: Id128, policyId: UInt64) -> Int {
        let id = mint(Partition.of(user: user))
        coupons.append(KnownCoupon(entry: IssueCouponEntry(couponId: id, userId: user, policyId: policyId)))
        couponIndices[id] = coupons.count - 1
        return coupons.count - 1
    }

    private func malformedIssue() -> Item {
        coverage[.malformed] += 1
        let user = dice.pick(users)
        let partition = Partition.of(user: user)
        var entry = IssueCouponEntry(
            couponId: mint(partition), userId: user, policyId: offers[offerIndex(.policy)].key.id)
        var item = Item()
        switch dice.below(3) {
        case 0: (entry.userId, item.expected) = (.zero, .invalid)
        case 1: (entry.couponId, item.expected) = (Id128(high: dice.next() & ~0xf000, low: 0), .invalidId)
        default: (entry.couponId, item.expected) = (mint((partition + 1) & 4095), .wrongPartition)
        }
        item.id = entry.couponId
        item.entry = .issue(entry)
        return item
    }

    // MARK: Use, restore and get

    private func couponItem(_ operation: Operation) -> Item {
        if operation == .getCoupon {
            let index = issuedCoupon()
            var item = Item()
            (item.coupon, item.id, item.user) = (index, coupons[index].entry.couponId, coupons[index].entry.userId)
            return item
        }
        if let known = changesOf[operation], dice.chance(200) {
            return repeatedCouponItem(dice.chance(500) ? known.last! : dice.pick(known))
        }
        if let known = checkoutChanges[operation], dice.chance(30) { return changeItem(dice.pick(known)) }
        let coupon = coupons[operation == .restoreCoupon ? usedCoupon() : unusedCoupon()].entry
        let owner = dice.chance(950) ? coupon.userId : dice.pick(users)
        let id = mint(Partition.of(user: owner))
        if operation == .restoreCoupon {
            return changeItem(
                newChange(.restore(RestoreCouponEntry(restoreId: id, couponId: coupon.couponId, userId: owner))))
        }
        var entry = UseCouponEntry(
            useId: id, couponId: coupon.couponId, userId: owner, orderId: .zero,
            purchaseAmount: dice.chance(300) ? 0 : UInt64(dice.pick(1...10_000)))
        if dice.chance(500) { entry.orderId = Id128(high: dice.next(), low: dice.next()) }
        if dice.chance(10) { entry.couponId = mint(Partition.of(user: owner)) }
        return changeItem(newChange(.use(entry)))
    }

    /// A use or a restore that was sent before, with the same content or with another one.
    private func repeatedCouponItem(_ index: Int) -> Item {
        var item = changeItem(index)
        if dice.chance(800) { return item }
        switch item.entry {
        case .use(var entry):
            if dice.chance(500) { entry.purchaseAmount += 1 } else { entry.orderId = Id128(7) }
            item.entry = .use(entry)
        case .restore(var entry):
            // Another user's coupon would be refused for its owner.
            let other = issuedCoupon()
            guard coupons[other].entry.userId == entry.userId else { return item }
            entry.couponId = coupons[other].entry.couponId
            (item.entry, item.coupon) = (.restore(entry), other)
        default: break
        }
        return item
    }

    private func recentCoupon() -> Int {
        dice.chance(800) ? coupons.count - 1 - dice.below(min(coupons.count, 30)) : dice.below(coupons.count)
    }

    /// Mostly one that the client has seen issued, lately or ever.
    private func issuedCoupon() -> Int {
        if issuedCoupons.isEmpty || dice.chance(80) { return recentCoupon() }
        return dice.pick(dice.chance(700) ? Array(issuedCoupons.suffix(12)) : issuedCoupons)
    }

    /// Mostly one that the client has seen used.
    private func usedCoupon() -> Int {
        usedCoupons.isEmpty || dice.chance(200) ? issuedCoupon() : dice.pick(Array(usedCoupons.suffix(30)))
    }

    /// Mostly one that the client has not seen used, as far as a few looks find one.
    func unusedCoupon() -> Int {
        for _ in 0..<4 {
            let index = issuedCoupon()
            if !usedCoupons.contains(index) { return index }
        }
        return issuedCoupon()
    }

    // MARK: Changes of any kind

    func newChange(_ change: Change) -> Int {
        changes.append(KnownChange(change: change))
        changesOf[change.operation, default: []].append(changes.count - 1)
        return changes.count - 1
    }

    func changeItem(_ index: Int) -> Item {
        let change = changes[index].change
        var item = Item()
        item.change = index
        item.id = change.id
        item.user = change.user
        item.entry = change
        switch change {
        case .use(let entry): item.coupon = couponIndices[entry.couponId]
        case .restore(let entry): item.coupon = couponIndices[entry.couponId]
        default: break
        }
        return item
    }
}

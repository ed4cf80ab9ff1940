import Protocol

// What clients ask for about points.

extension World {
    func composePoints(_ client: Int) {
        let kinds: [(Operation, Int)] = [
            (.earnPoints, 36), (.usePoints, 30), (.cancelTransaction, 16), (.getTransaction, 6), (.getBalance, 7),
            (.listTransactions, 5),
        ]
        let operation = kinds[dice.weighted(kinds.map(\.1))].0
        switch operation {
        case .earnPoints, .usePoints:
            send(operation, (0..<batchCount()).map { _ in pointItem(operation) }, from: client)
        case .cancelTransaction, .getTransaction:
            if changesOf[.earnPoints] == nil && changesOf[.usePoints] == nil { return }
            send(operation, (0..<batchCount()).map { _ in transactionItem(operation) }, from: client)
        default:
            var item = Item()
            item.user = dice.pick(users)
            send(operation, [item], from: client)
        }
    }

    func pointItem(_ operation: Operation) -> Item {
        if let known = changesOf[operation], dice.chance(150) {
            var item = changeItem(dice.chance(500) ? known.last! : dice.pick(known))
            if dice.chance(200) { item.entry = other(item.entry!) }
            return item
        }
        if let known = checkoutChanges[operation], dice.chance(30) { return changeItem(dice.pick(known)) }
        if operation == .earnPoints && dice.chance(30) { return malformedPoints() }
        return changeItem(newChange(newPoints(operation, user: dice.pick(users))))
    }

    private func newPoints(_ operation: Operation, user: Id128) -> Change {
        let id = mint(Partition.of(user: user))
        let reason = dice.chance(700) ? Reason() : Reason("reason \(changes.count)")!
        if operation == .usePoints {
            return .spend(
                UsePointsEntry(
                    transactionId: id, userId: user, amount: UInt32(dice.pick(1...120)), reason: reason))
        }
        let expiresAtMs = dice.chance(400) ? 0 : clockMs + UInt64(dice.pick(20...3000))
        return .earn(
            EarnEntry(
                transactionId: id, userId: user, expiresAtMs: expiresAtMs, amount: UInt32(dice.pick(1...100)),
                reason: reason))
    }

    /// The same id with another content.
    private func other(_ change: Change) -> Change {
        switch change {
        case .earn(var entry):
            if dice.chance(500) { entry.amount += 1 } else { entry.reason = Reason("another")! }
            return .earn(entry)
        case .spend(var entry):
            if dice.chance(500) { entry.amount += 1 } else { entry.reason = Reason("another")! }
            return .spend(entry)
        default: return change
        }
    }

    private func malformedPoints() -> Item {
        coverage[.malformed] += 1
        let user = dice.pick(users)
        let partition = Partition.of(user: user)
        var entry = EarnEntry(transactionId: mint(partition), userId: user, expiresAtMs: 0, amount: 1)
        var item = Item()
        switch dice.below(4) {
        case 0: (entry.userId, item.expected) = (.zero, .invalid)
        case 1: (entry.transactionId, item.expected) = (mint((partition + 1) & 4095), .wrongPartition)
        case 2: (entry.transactionId, item.expected) = (Id128(high: dice.next() & ~0xf000, low: 0), .invalidId)
        default: (entry.expiresAtMs, item.expected) = (1000, .expired)
        }
        item.id = entry.transactionId
        item.entry = .earn(entry)
        return item
    }

    /// Mostly a transaction that was posted lately. A cancel may overtake it.
    private func transactionItem(_ operation: Operation) -> Item {
        if operation == .cancelTransaction && dice.chance(40) {
            let kind = dice.chance(500) ? Operation.earnPoints : .usePoints
            return transactionItem(newChange(newPoints(kind, user: dice.pick(users))))
        }
        if !postedChanges.isEmpty && dice.chance(600) {
            return transactionItem(dice.pick(Array(postedChanges.suffix(15))))
        }
        let ofCheckouts = dice.chance(100) && !checkoutChanges.isEmpty
        let known = [Operation.earnPoints, .usePoints].compactMap { ofCheckouts ? checkoutChanges[$0] : changesOf[$0] }
        if known.isEmpty { return transactionItem(newChange(newPoints(.earnPoints, user: dice.pick(users)))) }
        let some = dice.pick(known)
        return transactionItem(dice.chance(700) ? dice.pick(Array(some.suffix(15))) : dice.pick(some))
    }

    private func transactionItem(_ index: Int) -> Item {
        var item = changeItem(index)
        item.entry = nil
        return item
    }
}

import Engine
import Log
import Protocol

/// What one user has in a state: as the server would have listed it then, newest first.
struct UserReport {
    let user: Id128
    let orders: [OrderViewResult]
    let coupons: [CouponViewResult]
    let transactions: [TransactionViewResult]
    let balance: BalanceResult

    init(_ state: StateAt, user: Id128) {
        self.user = user
        let questions = Questions(state)
        orders = questions.list(.listUserOrders) { after in
            ListUserOrdersEntry(userId: user, after: after, limit: UInt16(Frame.pageCountMax))
        } id: {
            $0.orderId
        }
        coupons = questions.list(.listUserCoupons) { after in
            ListUserCouponsEntry(
                userId: user, after: after, limit: UInt16(Frame.pageCountMax), stateMask: 0)
        } id: {
            $0.couponId
        }
        transactions = questions.list(.listTransactions) { after in
            ListUserOrdersEntry(userId: user, after: after, limit: UInt16(Frame.pageCountMax))
        } id: {
            $0.transactionId
        }
        balance =
            questions.page(.getBalance, UserEntry(userId: user), of: BalanceResult.self).items.first
            ?? BalanceResult(code: .ok, lots: 0, balance: 0, nextExpiryMs: 0, nextExpiryAmount: 0)
    }

    /// Asks an engine as a connection would.
    private struct Questions {
        let state: StateAt

        init(_ state: StateAt) { self.state = state }

        func page<Entry: WireStruct, Result: WireStruct>(
            _ operation: Operation, _ entry: Entry, of type: Result.Type
        ) -> (items: [Result], more: Bool) {
            let sizeBytes = Entry.sizeBytes + Frame.pageCountMax * Result.sizeBytes
            return withUnsafeTemporaryAllocation(byteCount: sizeBytes, alignment: 8) { memory in
                let bytes = memory.baseAddress!
                let results = bytes + Entry.sizeBytes
                entry.store(to: bytes)
                let page = state.replay.engines[0].answer(operation, bytes, results: results, nowMs: state.nowMs)
                let items = (0..<page.count).map { Result(UnsafeRawPointer(results + $0 * Result.sizeBytes)) }
                return (items, page.more)
            }
        }

        func list<Entry: WireStruct, Result: WireStruct>(
            _ operation: Operation, _ entry: (_ after: Id128) -> Entry, id: (Result) -> Id128
        ) -> [Result] {
            var all: [Result] = []
            while true {
                let (items, more) = page(operation, entry(all.last.map(id) ?? .zero), of: Result.self)
                all += items
                if !more { return all }
            }
        }
    }
}

extension UserReport {
    var lines: [String] {
        var lines = ["user \(idText(user)): \(balance.balance) points in \(balance.lots) lots"]
        if balance.nextExpiryAmount > 0 {
            lines.append("  \(balance.nextExpiryAmount) of them expire at \(timeText(balance.nextExpiryMs))")
        }
        lines += listed("order", orders) {
            $0.orderId
        } fields: {
            $0.describe(to: &$1)
        }
        lines += listed("coupon", coupons) {
            $0.couponId
        } fields: {
            $0.describe(to: &$1)
        }
        lines += listed("transaction", transactions) {
            $0.transactionId
        } fields: {
            $0.describe(to: &$1)
        }
        return lines
    }

    private func listed<Item>(
        _ what: String, _ items: [Item], id: (Item) -> Id128, fields: (Item, inout TextLine) -> Void
    ) -> [String] {
        let newestFirst = items.isEmpty ? "" : ", newest first"
        return ["\(what)s: \(items.count)\(newestFirst)"]
            + items.map { item in
                var line = TextLine()
                fields(item, &line)
                return "  \(what) \(id(item))  \(line.text)"
            }
    }

    var json: String {
        var line = JsonLine()
        line.add("id", idText(user))
        line.add("balance", balance.balance)
        line.add("lots", balance.lots)
        if balance.nextExpiryAmount > 0 {
            line.add("nextExpiryAmount", balance.nextExpiryAmount)
            line.add("nextExpiryMs", balance.nextExpiryMs)
        }
        line.raw(
            "orders",
            objects("order", orders) {
                $0.orderId
            } fields: {
                $0.describe(to: &$1)
            })
        line.raw(
            "coupons",
            objects("coupon", coupons) {
                $0.couponId
            } fields: {
                $0.describe(to: &$1)
            })
        line.raw(
            "transactions",
            objects("transaction", transactions) {
                $0.transactionId
            } fields: {
                $0.describe(to: &$1)
            })
        return line.closed
    }

    private func objects<Item>(
        _ what: String, _ items: [Item], id: (Item) -> Id128, fields: (Item, inout JsonLine) -> Void
    ) -> String {
        JsonLine.array(
            items.map { item in
                var line = JsonLine()
                line.add(what, id(item))
                fields(item, &line)
                return line.closed
            })
    }
}

private func name<State: RawRepresentable>(_ state: State?) -> String { state.map { "\($0)" } ?? "unknown" }

extension OrderViewResult {
    fileprivate func describe(to line: inout some FieldSink) {
        line.add("sale", String(saleId))
        line.add("quantity", quantity)
        line.add("state", name(OrderState(rawValue: state)))
        line.add("late", flags & ResultFlags.late != 0)
        line.add("partOfCheckout", flags & ResultFlags.ofCheckout != 0)
        line.add("createdAtMs", createdAtMs)
        line.add("expiresAtMs", expiresAtMs)
    }
}

extension CouponViewResult {
    fileprivate func describe(to line: inout some FieldSink) {
        line.add("policy", String(policyId))
        line.add("state", name(CouponState(rawValue: state)))
        line.add("issuedAtMs", issuedAtMs)
        line.add("expiresAtMs", expiresAtMs)
        guard usedAtMs > 0 else { return }
        line.add("usedAtMs", usedAtMs)
        line.add("discount", discount)
        if !orderId.isZero { line.add("order", orderId) }
    }
}

extension TransactionViewResult {
    fileprivate func describe(to line: inout some FieldSink) {
        line.add("kind", name(TransactionKind(rawValue: kind)))
        line.add("amount", amount)
        line.add("state", name(TransactionState(rawValue: state)))
        if kind == TransactionKind.earning.rawValue { line.add("remaining", remaining) }
        line.add("partOfCheckout", flags & ResultFlags.ofCheckout != 0)
        line.add("createdAtMs", createdAtMs)
        line.add("expiresAtMs", expiresAtMs)
        if !reason.isEmpty { line.add("reason", reason.text) }
    }
}

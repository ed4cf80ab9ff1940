import Engine
import Log
import Protocol

// What a state shows, out of the log.

extension StateAt {
    /// The users of whom something is there, as two words, in the order of their ids.
    func users() -> [UserKey] {
        var users: Set<UserKey> = []
        replay.engines[0].keepPartitions { kind, record in
            switch kind {
            case .orderKept, .transactionKept, .couponIssued:
                guard let id = record.baseAddress?.loadId(EventField.userId) else { return }
                users.insert(UserKey(high: id.high, low: id.low))
            default: break
            }
        }
        return users.sorted()
    }

    func offerItems() -> [ContentItem] {
        let catalogue = Catalogue(self)
        return catalogue.sales.map(\.content) + catalogue.policies.map(\.content)
    }

    /// A user's orders, coupons and transactions, and the balance at a time.
    func items(of user: UserKey, atMs nowMs: UInt64) -> [ContentItem] {
        let report = UserReport(at(nowMs), user: Id128(high: user.high, low: user.low))
        var balance = ContentItem(.balance, "\(user)")
        balance.add("points", report.balance.balance)
        return report.orders.map(\.content) + report.coupons.map(\.content) + report.transactions.map(\.content)
            + [balance]
    }
}

/// A user's 128 bits, in files that know the names of the engine and in those that know the client's.
struct UserKey: Hashable, Comparable, CustomStringConvertible, Sendable {
    var high: UInt64
    var low: UInt64

    static func < (left: UserKey, right: UserKey) -> Bool { (left.high, left.low) < (right.high, right.low) }

    var description: String { idText(Id128(high: high, low: low)) }
}

extension SaleResult {
    fileprivate var content: ContentItem {
        var item = ContentItem(.sale, String(saleId))
        item.add("name", name.text)
        item.add("stock", stock)
        item.add("available", available)
        item.add("held", held)
        item.add("sold", sold)
        item.add("perUserLimit", perUserLimit)
        item.add("holdMs", holdMs)
        item.add("unitPrice", unitPrice)
        item.add("closed", state == SaleState.closed.rawValue)
        return item
    }
}

extension PolicyResult {
    fileprivate var content: ContentItem {
        var item = ContentItem(.policy, String(policyId))
        item.add("name", name.text)
        item.add("quantity", quantity)
        item.add("remaining", remaining)
        item.add("issued", issued)
        item.add("used", used)
        item.add("perUserLimit", perUserLimit)
        item.add("discount", discountKind == DiscountKind.fixed.rawValue ? "\(discountValue)" : "\(discountValue)%")
        item.add("maxDiscount", maxDiscount)
        item.add("minPurchase", minPurchase)
        item.add("closed", state == SaleState.closed.rawValue)
        return item
    }
}

extension OrderViewResult {
    fileprivate var content: ContentItem {
        var item = ContentItem(.order, "\(orderId)")
        item.add("user", idText(userId))
        item.add("sale", saleId)
        item.add("quantity", quantity)
        item.add("state", OrderState(rawValue: state).map { "\($0)" } ?? "unknown")
        item.add("partOfCheckout", flags & ResultFlags.ofCheckout != 0)
        return item
    }
}

extension CouponViewResult {
    fileprivate var content: ContentItem {
        var item = ContentItem(.coupon, "\(couponId)")
        item.add("user", idText(userId))
        item.add("policy", policyId)
        item.add("used", state == CouponState.used.rawValue)
        item.add("discount", discount)
        return item
    }
}

extension TransactionViewResult {
    fileprivate var content: ContentItem {
        var item = ContentItem(.transaction, "\(transactionId)")
        item.add("user", idText(userId))
        item.add("kind", TransactionKind(rawValue: kind).map { "\($0)" } ?? "unknown")
        item.add("amount", amount)
        item.add("cancelled", state == TransactionState.cancelled.rawValue)
        item.add("remaining", kind == TransactionKind.earning.rawValue ? remaining : 0)
        item.add("reason", reason.text)
        return item
    }
}

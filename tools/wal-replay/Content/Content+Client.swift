import TimesaleClient

// What a server shows, asked for as by anybody.

/// A server that is compared with a log.
struct ComparedServer: Sendable {
    let client: TimesaleClient

    func offerItems() async throws(TimesaleError) -> [ContentItem] {
        var items: [ContentItem] = []
        for try await sale in client.allSales(pageLimit: 1000) { items.append(sale.content) }
        for try await policy in client.allPolicies(pageLimit: 1000) { items.append(policy.content) }
        return items
    }

    func items(of user: UserKey) async throws(TimesaleError) -> [ContentItem] {
        let id = UserID(high: user.high, low: user.low)
        var items: [ContentItem] = []
        for try await order in client.allOrders(of: id, pageLimit: 1000) { items.append(order.content) }
        for try await coupon in client.allCoupons(of: id, pageLimit: 1000) { items.append(coupon.content) }
        for try await transaction in client.allTransactions(of: id, pageLimit: 1000) {
            items.append(transaction.content)
        }
        var balance = ContentItem(.balance, "\(user)")
        balance.add("points", try await client.points(of: id).points)
        return items + [balance]
    }

    /// Those of many users, asked for side by side; in the order of the users.
    func items(of users: [UserKey]) async throws -> [[ContentItem]] {
        var found = [[ContentItem]](repeating: [], count: users.count)
        for start in stride(from: 0, to: users.count, by: 256) {
            let range = start..<min(start + 256, users.count)
            try await withThrowingTaskGroup(of: (Int, [ContentItem]).self) { group in
                for index in range { group.addTask { (index, try await items(of: users[index])) } }
                for try await (index, items) in group { found[index] = items }
            }
        }
        return found
    }
}

extension Sale {
    fileprivate var content: ContentItem {
        var item = ContentItem(.sale, "\(id)")
        item.add("name", name)
        item.add("stock", stock)
        item.add("available", available)
        item.add("held", held)
        item.add("sold", sold)
        item.add("perUserLimit", perUserLimit ?? 0)
        item.add("holdMs", holdMs)
        item.add("unitPrice", unitPrice)
        item.add("closed", state == .closed)
        return item
    }
}

extension Policy {
    fileprivate var content: ContentItem {
        var item = ContentItem(.policy, "\(id)")
        item.add("name", name)
        item.add("quantity", quantity)
        item.add("remaining", remaining)
        item.add("issued", issued)
        item.add("used", used)
        item.add("perUserLimit", perUserLimit ?? 0)
        switch discount {
        case .fixed(let amount): item.add("discount", "\(amount)")
        case .percent(let share): item.add("discount", "\(share)%")
        }
        item.add("maxDiscount", maxDiscount ?? 0)
        item.add("minPurchase", minPurchase ?? 0)
        item.add("closed", state == .closed)
        return item
    }
}

extension Order {
    fileprivate var content: ContentItem {
        var item = ContentItem(.order, "\(id)")
        item.add("user", "\(user)")
        item.add("sale", sale.rawValue)
        item.add("quantity", quantity)
        item.add("state", "\(state)")
        item.add("partOfCheckout", isPartOfCheckout)
        return item
    }
}

extension Coupon {
    fileprivate var content: ContentItem {
        var item = ContentItem(.coupon, "\(id)")
        item.add("user", "\(user)")
        item.add("policy", policy.rawValue)
        item.add("used", state == .used)
        item.add("discount", use?.discount ?? 0)
        return item
    }
}

extension PointTransaction {
    fileprivate var content: ContentItem {
        var item = ContentItem(.transaction, "\(id)")
        item.add("user", "\(user)")
        item.add("kind", "\(kind)")
        item.add("amount", amount)
        item.add("cancelled", state == .cancelled)
        item.add("remaining", kind == .earning ? remaining ?? 0 : 0)
        item.add("reason", reason)
        return item
    }
}

internal import Protocol

enum PlaceOrder: WireCall {
    static let operation = Operation.order

    static func answer(_ entry: OrderEntry, _ reply: Reply, _ index: Int) -> Order? {
        let result = OrderResult(reply.body + index * OrderResult.sizeBytes)
        guard let state = OrderState(rawValue: result.state) else { return nil }
        return Order(
            id: entry.orderId, user: entry.userId, sale: entry.saleId, quantity: result.quantity,
            state: state, flags: result.flags, createdAtMs: result.createdAtMs,
            expiresAtMs: result.expiresAtMs)
    }

    static func unknown(_ entry: OrderEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .order(OrderID(wire: entry.orderId)))
    }
}

/// What the operations that name nothing but an order have in common.
protocol NamedOrderCall: WireCall where Entry == OrderIdEntry {}

extension NamedOrderCall {
    static func unknown(_ entry: OrderIdEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .order(OrderID(wire: entry.orderId)))
    }
}

enum ConfirmOrder: NamedOrderCall {
    static let operation = Operation.confirm

    static func answer(_ entry: OrderIdEntry, _ reply: Reply, _ index: Int) -> Order? {
        Order(reply, index)
    }
}

enum CancelOrder: NamedOrderCall {
    static let operation = Operation.cancel

    static func answer(_ entry: OrderIdEntry, _ reply: Reply, _ index: Int) -> Cancellation? {
        let result = OrderViewResult(reply.body + index * OrderViewResult.sizeBytes)
        if result.flags & ResultFlags.tombstone != 0 { return .beforeOrder(OrderID(wire: entry.orderId)) }
        return Order(reply, index).map { .order($0) }
    }
}

enum GetOrder: NamedOrderCall {
    static let operation = Operation.getOrder
    static let changes = false

    static func answer(_ entry: OrderIdEntry, _ reply: Reply, _ index: Int) -> Order? {
        Order(reply, index)
    }
}

enum ExtendOrder: WireCall {
    static let operation = Operation.extend

    static func answer(_ entry: ExtendEntry, _ reply: Reply, _ index: Int) -> Order? { Order(reply, index) }

    static func unknown(_ entry: ExtendEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .order(OrderID(wire: entry.orderId)))
    }
}

enum ListUserOrders: WireCall {
    static let operation = Operation.listUserOrders
    static let changes = false

    static func answer(_ entry: ListUserOrdersEntry, _ reply: Reply, _ index: Int) -> OrderPage? {
        let orders = (0..<reply.header.count).compactMap { Order(reply, $0) }
        guard orders.count == reply.header.count else { return nil }
        return OrderPage(orders: orders, next: reply.hasMore ? orders.last?.id : nil)
    }
}

enum ListSaleOrders: WireCall {
    static let operation = Operation.listSaleOrders
    static let changes = false

    static func answer(_ entry: ListSaleOrdersEntry, _ reply: Reply, _ index: Int) -> SaleOrderPage? {
        var page = SaleOrderPage(orders: [], next: nil)
        for index in 0..<reply.header.count {
            let result = SaleOrderResult(reply.body + index * SaleOrderResult.sizeBytes)
            if reply.hasMore { page.next = SaleOrderCursor(rawValue: result.position.rawValue) }
            // A position alone.
            if result.order.code == .notFound { continue }
            guard let order = Order(result.order) else { return nil }
            page.orders.append(order)
        }
        return reply.hasMore && page.next == nil ? nil : page
    }
}

extension Order {
    /// From one of a reply's `OrderViewResult`s; nil if it makes no sense.
    init?(_ reply: Reply, _ index: Int) {
        self.init(OrderViewResult(reply.body + index * OrderViewResult.sizeBytes))
    }

    /// nil if it makes no sense.
    init?(_ result: OrderViewResult) {
        guard let state = OrderState(rawValue: result.state) else { return nil }
        self.init(
            id: result.orderId, user: result.userId, sale: result.saleId, quantity: result.quantity,
            state: state, flags: result.flags, createdAtMs: result.createdAtMs,
            expiresAtMs: result.expiresAtMs)
    }
}

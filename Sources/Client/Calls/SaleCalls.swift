// The calls on sales: what each writes into a frame, and what its answer means.

internal import Protocol

enum CreateSale: WireCall {
    static let operation = Operation.createSale

    static func answer(_ entry: CreateSaleEntry, _ reply: Reply, _ index: Int) -> Sale? {
        Sale(reply, index)
    }

    static func unknown(_ entry: CreateSaleEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .operation(OperationID(wire: entry.operationId)))
    }
}

enum RestockSale: WireCall {
    static let operation = Operation.restockSale

    static func answer(_ entry: RestockEntry, _ reply: Reply, _ index: Int) -> Sale? {
        Sale(reply, index)
    }

    static func unknown(_ entry: RestockEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .operation(OperationID(wire: entry.operationId)))
    }
}

enum CloseSale: WireCall {
    static let operation = Operation.closeSale

    static func answer(_ entry: OfferIdEntry, _ reply: Reply, _ index: Int) -> Sale? { Sale(reply, index) }
}

enum GetSale: WireCall {
    static let operation = Operation.getSale
    static let changes = false

    static func answer(_ entry: OfferIdEntry, _ reply: Reply, _ index: Int) -> Sale? { Sale(reply, index) }
}

enum ListSales: WireCall {
    static let operation = Operation.listSales
    static let changes = false

    static func answer(_ entry: ListOffersEntry, _ reply: Reply, _ index: Int) -> SalePage? {
        let sales = (0..<reply.header.count).compactMap { Sale(reply, $0) }
        guard sales.count == reply.header.count else { return nil }
        return SalePage(sales: sales, next: reply.hasMore ? sales.last?.id : nil)
    }
}

extension Sale {
    init?(_ reply: Reply, _ index: Int) { self.init(SaleResult(reply.body + index * SaleResult.sizeBytes)) }
}

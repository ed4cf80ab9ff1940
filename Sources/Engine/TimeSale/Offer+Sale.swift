import Protocol

// Sales as offers of the catalogue: what creates one, and what shows one.

extension NewOffer {
    init(sale bytes: UnsafeRawPointer) {
        let entry = CreateSaleEntry(bytes)
        self.init(
            operationId: entry.operationId,
            terms: OfferTerms(
                id: entry.saleId, startsAtMs: entry.startsAtMs, endsAtMs: entry.endsAtMs, value: entry.unitPrice,
                perUserLimit: entry.perUserLimit, holdMs: entry.holdMs, kind: .sale),
            stock: entry.stock, name: entry.name, fault: entry.unitPrice < Self.amountMax ? nil : .invalid)
    }
}

/// What shows a sale.
extension ShownOffer {
    var sale: SaleResult {
        SaleResult(
            code: .ok, state: state.rawValue, flags: flags, perUserLimit: terms.perUserLimit, saleId: terms.id,
            stock: detail.stock, available: totals.available, held: totals.held, sold: totals.sold,
            startsAtMs: terms.startsAtMs, endsAtMs: terms.endsAtMs, unitPrice: terms.unitPrice,
            createdAtMs: detail.createdAtMs, holdMs: terms.holdMs, name: detail.name)
    }
}

import Protocol

// Offers as they are shown.

/// An offer at a moment.
struct ShownOffer {
    var terms: OfferTerms
    var detail: OfferDetail
    var totals: StockTotals
    var state: SaleState
    var flags: UInt8

    /// Writes the result that shows it; answers its size in bytes.
    @discardableResult
    func store(to result: UnsafeMutableRawPointer) -> Int {
        switch terms.kind {
        case .sale:
            sale.store(to: result)
            return SaleResult.sizeBytes
        case .policy:
            policy.store(to: result)
            return PolicyResult.sizeBytes
        }
    }
}

// The fields that both results begin with.
private let flagsOffset = 3
private let idOffset = 8

extension Engine {
    func show(_ slot: UInt32, flags: UInt8, nowMs: UInt64) -> ShownOffer {
        let terms = offers[slot].pointee.terms
        let detail = offerDetails[Int(slot)]
        let totals = counters.totals(Int(slot))
        let state: SaleState
        if detail.isClosed {
            state = .closed
        } else if terms.endsAtMs != 0 && nowMs >= terms.endsAtMs {
            state = .ended
        } else if nowMs < terms.startsAtMs {
            state = .scheduled
        } else {
            state = totals.available == 0 && detail.isPublished ? .soldOut : .open
        }
        return ShownOffer(terms: terms, detail: detail, totals: totals, state: state, flags: flags)
    }

    /// Brings a result that shows an offer up to date, when its reply leaves. Answers the LSN that the reply
    /// waits for: the offer may have changed again since.
    public func refreshOffer(_ operation: Operation, _ result: UnsafeMutableRawPointer, nowMs: UInt64) -> UInt64 {
        guard result.loadLE(0, as: UInt16.self) == ResultCode.ok.rawValue else { return 0 }
        let slot = findOffer(operation.offerKind, result.loadLE(idOffset))
        show(slot, flags: result.loadLE(flagsOffset), nowMs: nowMs).store(to: result)
        return offerDetails[Int(slot)].lastLsn
    }

    /// Writes a result that shows nothing but a code and the id that the entry names.
    public func refuseCatalogueEntry(
        _ operation: Operation, _ entry: UnsafeRawPointer, _ code: ResultCode, result: UnsafeMutableRawPointer
    ) {
        let id: UInt64 =
            switch operation {
            case .createSale: CreateSaleEntry(entry).saleId
            case .createPolicy: CreatePolicyEntry(entry).policyId
            case .restockSale, .restockPolicy: RestockEntry(entry).offerId
            default: OfferIdEntry(entry).offerId
            }
        result.initializeMemory(as: UInt8.self, repeating: 0, count: operation.resultSizeBytes)
        result.storeLE(code.rawValue, 0)
        result.storeLE(id, idOffset)
    }
}

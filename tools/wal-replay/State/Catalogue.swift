import Engine
import Log
import Protocol

/// The sales and policies of a state, in the order of their creation.
struct Catalogue {
    private(set) var sales: [SaleResult] = []
    private(set) var policies: [PolicyResult] = []

    init(_ state: StateAt) {
        let engine = state.replay.engines
        let sizeBytes = OfferIdEntry.sizeBytes + PolicyResult.sizeBytes
        withUnsafeTemporaryAllocation(byteCount: sizeBytes, alignment: 8) { memory in
            let entry = memory.baseAddress!
            let result = entry + OfferIdEntry.sizeBytes
            for slot in stride(from: 1, through: engine[0].offersKnown, by: 1) {
                let terms = engine[0].offerTerms(slot: UInt32(slot))
                OfferIdEntry(offerId: terms.id).store(to: entry)
                let operation = terms.kind == .sale ? Operation.getSale : .getPolicy
                _ = engine[0].runCatalogue(operation, entry, result: result, nowMs: state.nowMs)
                // Of those that have left memory there is nothing to show.
                if result.loadLE(0, as: UInt16.self) != ResultCode.ok.rawValue { continue }
                switch terms.kind {
                case .sale: sales.append(SaleResult(result))
                case .policy: policies.append(PolicyResult(result))
                }
            }
        }
    }
}

private func isClosed(_ state: UInt8) -> Bool { state == SaleState.closed.rawValue }

extension SaleResult {
    var text: String {
        "sale \(saleId) \(JsonLine.quoted(name.text)): stock \(stock), held \(held), sold \(sold), "
            + "available \(available)\(isClosed(state) ? ", closed" : "")"
    }

    var json: String {
        var line = JsonLine()
        line.add("id", String(saleId))
        line.add("name", name.text)
        line.add("stock", stock)
        line.add("held", held)
        line.add("sold", sold)
        line.add("available", available)
        line.add("closed", isClosed(state))
        return line.closed
    }
}

extension PolicyResult {
    var text: String {
        "policy \(policyId) \(JsonLine.quoted(name.text)): quantity \(quantity), issued \(issued), used \(used), "
            + "remaining \(remaining)\(isClosed(state) ? ", closed" : "")"
    }

    var json: String {
        var line = JsonLine()
        line.add("id", String(policyId))
        line.add("name", name.text)
        line.add("quantity", quantity)
        line.add("issued", issued)
        line.add("used", used)
        line.add("remaining", remaining)
        line.add("closed", isClosed(state))
        return line.closed
    }
}

import ArgumentParser
import Engine
import Log
import Protocol

/// Replays the log into memory and says what the state is.
struct State: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replays everything into memory: the counts of each sale and policy, orders by state, the digest.")

    @OptionGroup var argument: DirectoryArgument

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let storage = try argument.open()
        let replay = try Self.replay(storage)
        var orders = [0, 0, 0, 0]
        replay.engines[0].keepPartitions { kind, record in
            guard kind == .orderKept else { return }
            orders[Int(record[EventField.flags] & 3)] += 1
        }
        let offers = Self.offers(replay)
        var output = Output()
        if json {
            printJson(replay, offers, orders, &output)
        } else {
            printText(replay, offers, orders, &output)
        }
        output.flush()
    }

    private struct Offers {
        var sales: [SaleResult] = []
        var policies: [PolicyResult] = []
    }

    private static func offers(_ replay: Replay) -> Offers {
        var offers = Offers()
        let sizeBytes = OfferIdEntry.sizeBytes + PolicyResult.sizeBytes
        withUnsafeTemporaryAllocation(byteCount: sizeBytes, alignment: 8) { memory in
            let entry = memory.baseAddress!
            let result = entry + OfferIdEntry.sizeBytes
            for slot in stride(from: 1, through: replay.engines[0].offersKnown, by: 1) {
                let terms = replay.engines[0].offerTerms(slot: UInt32(slot))
                OfferIdEntry(offerId: terms.id).store(to: entry)
                let operation = terms.kind == .sale ? Operation.getSale : .getPolicy
                _ = replay.engines[0].runCatalogue(operation, entry, result: result, nowMs: replay.lastTimeMs)
                // Of those that have left memory there is nothing to show.
                if result.loadLE(0, as: UInt16.self) != ResultCode.ok.rawValue { continue }
                switch terms.kind {
                case .sale: offers.sales.append(SaleResult(result))
                case .policy: offers.policies.append(PolicyResult(result))
                }
            }
        }
        return offers
    }

    /// In a directory in use the logs are read one after the other: an order may be read whose sale came to the
    /// catalogue's log after that was read. So a fault counts when it comes twice.
    private static func replay(_ storage: any LogStorage) throws -> Replay {
        var before: RecoveryFault?
        while true {
            let audit = LogAudit(storage: storage)
            do {
                if let fault = audit.faults.first { throw fault }
                return try replayState(audit)
            } catch {
                guard let fault = error as? RecoveryFault, fault != before else { throw Refusal("\(error)") }
                before = fault
            }
        }
    }

    private func printText(_ replay: Replay, _ offers: Offers, _ orders: [Int], _ output: inout Output) {
        for sale in offers.sales {
            output.line(
                "sale \(sale.saleId) \(JsonLine.quoted(sale.name.text)): stock \(sale.stock), held \(sale.held), sold "
                    + "\(sale.sold), available \(sale.available)\(isClosed(sale.state) ? ", closed" : "")")
        }
        for policy in offers.policies {
            output.line(
                "policy \(policy.policyId) \(JsonLine.quoted(policy.name.text)): quantity \(policy.quantity), "
                    + "issued \(policy.issued), used \(policy.used), remaining \(policy.remaining)"
                    + "\(isClosed(policy.state) ? ", closed" : "")")
        }
        output.line(
            "orders: \(orders.reduce(0, +)), of which held \(orders[0]), confirmed \(orders[1]), "
                + "cancelled \(orders[2]), expired \(orders[3])")
        output.line("tombstones: \(replay.engines[0].tombstonesKept)")
        output.line("sequence: \(replay.lastSequence)")
        output.line("digest: \(hexadecimal(replay.engines[0].digest()))")
    }

    private func printJson(_ replay: Replay, _ offers: Offers, _ orders: [Int], _ output: inout Output) {
        let sales = offers.sales.map { sale in
            var line = JsonLine()
            line.add("id", String(sale.saleId))
            line.add("name", sale.name.text)
            line.add("stock", sale.stock)
            line.add("held", sale.held)
            line.add("sold", sale.sold)
            line.add("available", sale.available)
            line.add("closed", isClosed(sale.state))
            return line.closed
        }
        let policies = offers.policies.map { policy in
            var line = JsonLine()
            line.add("id", String(policy.policyId))
            line.add("name", policy.name.text)
            line.add("quantity", policy.quantity)
            line.add("issued", policy.issued)
            line.add("used", policy.used)
            line.add("remaining", policy.remaining)
            line.add("closed", isClosed(policy.state))
            return line.closed
        }
        var states = JsonLine()
        for (state, count) in zip(["held", "confirmed", "cancelled", "expired"], orders) {
            states.add(state, count)
        }
        var line = JsonLine()
        line.raw("sales", "[\(sales.joined(separator: ","))]")
        line.raw("policies", "[\(policies.joined(separator: ","))]")
        line.raw("orders", states.closed)
        line.add("tombstones", replay.engines[0].tombstonesKept)
        line.add("sequence", replay.lastSequence)
        line.add("timeMs", replay.lastTimeMs)
        line.add("digest", hexadecimal(replay.engines[0].digest()))
        output.line(line.closed)
    }

    private func isClosed(_ state: UInt8) -> Bool { state == SaleState.closed.rawValue }
}

import ArgumentParser
import Engine
import Log
import Protocol

/// Replays the log into memory and says what the state is.
struct State: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replays everything into memory: the counts of each sale, orders by state, the digest.")

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
        let sales = (0..<replay.engines[0].salesKnown).map { Self.sale(slot: UInt32($0 + 1), replay) }
        var output = Output()
        if json {
            printJson(replay, sales, orders, &output)
        } else {
            printText(replay, sales, orders, &output)
        }
        output.flush()
    }

    private static func sale(slot: UInt32, _ replay: Replay) -> SaleResult {
        withUnsafeTemporaryAllocation(byteCount: OfferIdEntry.sizeBytes + SaleResult.sizeBytes, alignment: 8) {
            memory in
            let entry = memory.baseAddress!
            let result = entry + OfferIdEntry.sizeBytes
            entry.storeLE(replay.engines[0].saleDefinition(slot: slot).id, 0)
            _ = replay.engines[0].getSale(entry, result: result, nowMs: replay.lastTimeMs)
            return SaleResult(result)
        }
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

    private func printText(_ replay: Replay, _ sales: [SaleResult], _ orders: [Int], _ output: inout Output) {
        for sale in sales {
            output.line(
                "sale \(sale.saleId) \(JsonLine.quoted(sale.name.text)): stock \(sale.stock), held \(sale.held), sold "
                    + "\(sale.sold), available \(sale.available)\(isClosed(sale) ? ", closed" : "")")
        }
        output.line(
            "orders: \(orders.reduce(0, +)), of which held \(orders[0]), confirmed \(orders[1]), "
                + "cancelled \(orders[2]), expired \(orders[3])")
        output.line("tombstones: \(replay.engines[0].tombstonesKept)")
        output.line("sequence: \(replay.lastSequence)")
        output.line("digest: \(hexadecimal(replay.engines[0].digest()))")
    }

    private func printJson(_ replay: Replay, _ sales: [SaleResult], _ orders: [Int], _ output: inout Output) {
        let lines = sales.map { sale in
            var line = JsonLine()
            line.add("id", String(sale.saleId))
            line.add("name", sale.name.text)
            line.add("stock", sale.stock)
            line.add("held", sale.held)
            line.add("sold", sale.sold)
            line.add("available", sale.available)
            line.add("closed", isClosed(sale))
            return line.closed
        }
        var states = JsonLine()
        for (state, count) in zip(["held", "confirmed", "cancelled", "expired"], orders) {
            states.add(state, count)
        }
        var line = JsonLine()
        line.raw("sales", "[\(lines.joined(separator: ","))]")
        line.raw("orders", states.closed)
        line.add("tombstones", replay.engines[0].tombstonesKept)
        line.add("sequence", replay.lastSequence)
        line.add("timeMs", replay.lastTimeMs)
        line.add("digest", hexadecimal(replay.engines[0].digest()))
        output.line(line.closed)
    }

    private func isClosed(_ sale: SaleResult) -> Bool { sale.state == SaleState.closed.rawValue }
}

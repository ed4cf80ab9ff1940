import Engine

/// Promises 1 and 2 from the counters themselves, after every step: how many units of each sale are free, those
/// on loan to a take that may yet fail included.
struct StockWatch {
    /// Of one sale, or of those of a checkout.
    struct Take {
        struct Part {
            var sale: Int
            var wanted: Int
            var units = 0
        }

        var parts: [Part]
        var sinceStep: Int
        /// It has all that it wants and can only end well: what it has is on loan no more.
        var isDecided: Bool { parts.allSatisfy { $0.units == $0.wanted } }
    }

    private var free: [Int]
    /// Changes of `free`, by sale: from this step on, so many.
    private var history: [[(step: Int, units: Int)]]
    private var takes: [Take?]

    /// Sales by the slots that shards know them by, from 1.
    init(salesMax: Int, shards: Int) {
        free = Array(repeating: 0, count: salesMax + 1)
        history = Array(repeating: [(0, 0)], count: salesMax + 1)
        takes = Array(repeating: nil, count: shards)
    }

    /// After anything happened in the process.
    mutating func update(_ counters: StockCounters, step: Int, stock: (Int) -> Int) throws(Violation) {
        for sale in 1..<free.count {
            let totals = counters.totals(sale)
            var units = Int(totals.available)
            var given = Int(totals.held) + Int(totals.sold)
            for case let take? in takes {
                for part in take.parts where part.sale == sale {
                    if take.isDecided { given += part.units } else { units += part.units }
                }
            }
            guard units >= 0, given >= 0, given + units <= stock(sale) else {
                throw Violation(
                    1,
                    "sale \(sale): \(totals.held) held, \(totals.sold) sold and \(units) free "
                        + "of a stock of \(stock(sale))"
                )
            }
            if units != free[sale] {
                free[sale] = units
                history[sale].append((step, units))
            }
        }
    }

    /// The fewest units that were free at any moment since a step.
    func fewest(_ sale: Int, since step: Int) -> Int {
        var fewest = Int.max
        for entry in history[sale].reversed() {
            fewest = min(fewest, entry.units)
            if entry.step < step { break }
        }
        return fewest
    }

    mutating func begin(shard: Int, _ parts: [Take.Part], step: Int) {
        takes[shard] = Take(parts: parts, sinceStep: step)
    }

    func take(of shard: Int) -> Take? { takes[shard] }

    /// A step of a shard's take has changed the free units of its sales by so many. `failed`: the part that it said
    /// to fail at, if it does.
    mutating func step(shard: Int, answer: StockTake.Answer, changes: [Int], failed: Int) throws(Violation) {
        guard var take = takes[shard] else {
            throw Violation(0, "shard \(shard) steps a take that never began")
        }
        let wasDecided = take.isDecided
        for (index, change) in changes.enumerated() { take.parts[index].units -= change }
        if wasDecided && !take.isDecided { throw Violation(2, "shard \(shard) gave back units of a take that had all") }
        switch answer {
        case .again, .wait: takes[shard] = take
        case .taken:
            takes[shard] = nil
            guard take.isDecided else { throw Violation(1, "a take that succeeded ended with \(take.parts)") }
        case .soldOut:
            takes[shard] = nil
            guard take.parts.allSatisfy({ $0.units == 0 }) else {
                throw Violation(2, "a take that failed kept units: \(take.parts)")
            }
            let part = take.parts[failed]
            let fewest = fewest(part.sale, since: take.sinceStep)
            guard fewest < part.wanted else {
                throw Violation(
                    2,
                    "shard \(shard) says that sale \(part.sale) is sold out for \(part.wanted) units, but at no "
                        + "moment were fewer than \(fewest) free")
            }
        }
    }
}

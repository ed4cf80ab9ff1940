import Engine

/// Promises 1 and 2 from the counters themselves, after every step: how many units of each sale are free, those
/// on loan to a take that may yet fail included.
struct StockWatch {
    struct Take {
        var sale: Int
        var wanted: Int
        var units = 0
        var sinceStep: Int
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
            for take in takes { if let take, take.sale == sale { units += take.units } }
            let given = Int(totals.held) + Int(totals.sold)
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

    mutating func begin(shard: Int, sale: Int, wanted: Int, step: Int) {
        takes[shard] = Take(sale: sale, wanted: wanted, sinceStep: step)
    }

    func take(of shard: Int) -> Take? { takes[shard] }

    /// A step of a shard's take has changed the free units of its sale by so many.
    mutating func step(shard: Int, answer: StockTake.Answer, change: Int, now: Int) throws(Violation) {
        guard var take = takes[shard] else {
            throw Violation(0, "shard \(shard) steps a take that never began")
        }
        take.units -= change
        switch answer {
        case .again, .wait: takes[shard] = take
        case .taken:
            takes[shard] = nil
            guard take.units == take.wanted else {
                throw Violation(1, "a take of \(take.wanted) units ended with \(take.units)")
            }
        case .soldOut:
            takes[shard] = nil
            guard take.units == 0 else { throw Violation(2, "a take that failed kept \(take.units) units") }
            let fewest = fewest(take.sale, since: take.sinceStep)
            guard fewest < take.wanted else {
                throw Violation(
                    2,
                    "shard \(shard) says that sale \(take.sale) is sold out for \(take.wanted) units, but at no "
                        + "moment were fewer than \(fewest) free")
            }
        }
    }
}

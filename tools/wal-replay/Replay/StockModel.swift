import Protocol

/// Knows which orders of a recording may be sent side by side.
///
/// In the recording every order found its units. Sent side by side, a later one may take what an earlier one was to
/// have, or come before the cancel whose unit it takes. So units count as free only if they were so when nothing was
/// under way (`credit`): who takes of these harms nobody, in whatever order they arrive. Where they do not suffice,
/// everything before has to be answered first; then what was given back since counts too.
struct StockModel {
    private struct Stock {
        /// Units that are free when everything so far has been done.
        var free: Int64
        /// Those of them that are free whatever is still under way.
        var credit: Int64
    }

    private struct Taken {
        var sale: UInt64
        var quantity: Int64
    }

    private var stocks: [UInt64: Stock] = [:]
    /// By order or checkout.
    private var taken: [Id128: [Taken]] = [:]

    /// Notes an operation that is to be sent next. Answers whether everything before it has to be answered first.
    mutating func mustWait(for operation: RecordedOperation) -> Bool {
        switch operation {
        case .createSale(let offer): stocks[offer.id] = Stock(free: Int64(clamping: offer.stock), credit: 0)
        case .restock(false, _, let sale, let units): stocks[sale]?.free += Int64(clamping: units)
        case .order(let id, _, let sale, let quantity):
            return take([Taken(sale: sale, quantity: Int64(quantity))], for: id)
        case .checkout(let checkout):
            return take(checkout.lines.map { Taken(sale: $0.sale, quantity: Int64($0.quantity)) }, for: checkout.id)
        case .cancel(let id), .cancelCheckout(let id):
            for one in taken.removeValue(forKey: id) ?? [] { stocks[one.sale]?.free += one.quantity }
        default: break
        }
        return false
    }

    private mutating func take(_ units: [Taken], for id: Id128) -> Bool {
        taken[id] = units
        let mustWait = units.contains { one in stocks[one.sale].map { $0.credit < one.quantity } ?? false }
        if mustWait { allIsAnswered() }
        for one in units {
            stocks[one.sale]?.free -= one.quantity
            stocks[one.sale]?.credit -= one.quantity
        }
        return mustWait
    }

    private mutating func allIsAnswered() {
        stocks = stocks.mapValues { Stock(free: $0.free, credit: $0.free) }
    }
}

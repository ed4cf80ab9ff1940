import TimesaleClient

/// A promise of the server, held against what the buyers were told.
struct RushCheck: Sendable {
    /// As in JSON.
    var name: String
    var isKept: Bool
    var text: String

    /// Asks the server about everything that the buyers were told.
    ///
    /// - Returns: the checks, and the sale as it is in the end.
    static func all(
        _ plan: RushPlan, _ counts: Tally.Counts, accepted: [OrderRequest], _ client: TimesaleClient
    ) async throws -> (checks: [RushCheck], sale: Sale) {
        let units = UInt64(counts.accepted) * UInt64(plan.quantity)
        let unknownUnits = UInt64(counts.unknown) * UInt64(plan.quantity)
        var sale = try await settled(plan, units, client)
        var checks = [
            RushCheck(
                name: "neverOversold", isKept: sale.held + sale.sold <= sale.stock,
                text:
                    "never oversold: held \(Numbers.grouped(sale.held)) + sold \(Numbers.grouped(sale.sold))"
                    + " <= stock \(Numbers.grouped(sale.stock))")
        ]
        let found = await count(accepted) { request in
            let order = try await client.order(request.id)
            return order.user == request.user && order.sale == request.sale
                && order.quantity == request.quantity
        }
        checks.append(
            RushCheck(
                name: "acceptedOrdersAreThere", isKept: found == accepted.count,
                text:
                    "the server knows \(Numbers.grouped(found)) of \(Numbers.grouped(accepted.count)) accepted orders"
            ))
        guard plan.isOwnSale else { return (checks, sale) }

        let repeats = await client.orders(accepted).count { (try? $0.get().isRepeat) == true }
        sale = try await settled(plan, units, client)
        checks.append(
            RushCheck(
                name: "repeatsChangeNothing", isKept: repeats == accepted.count,
                text:
                    "all sent again with the same ids: \(Numbers.grouped(repeats)) repeats, nothing sold twice"
            ))
        let taken = sale.held + sale.sold
        checks.append(
            RushCheck(
                name: "soldIsAccepted", isKept: (units...(units + unknownUnits)).contains(taken),
                text: "units taken \(Numbers.grouped(taken)) = units accepted \(Numbers.grouped(units))"
                    + (unknownUnits == 0
                        ? "" : ", and at most \(Numbers.grouped(unknownUnits)) of unknown outcome")))
        if counts.refused[.soldOut] != nil {
            checks.append(
                RushCheck(
                    name: "soldOutWasTrue", isKept: sale.available < UInt64(plan.quantity),
                    text: "\"sold out\" was true: \(Numbers.grouped(sale.available)) left"))
        }
        return (checks, sale)
    }

    /// The counts of a sale are whole once everything under way is on disk: a moment after the last answer.
    private static func settled(_ plan: RushPlan, _ units: UInt64, _ client: TimesaleClient) async throws
        -> Sale
    {
        let deadline = ContinuousClock.now + .seconds(2)
        while true {
            let sale = try await client.sale(plan.sale.id)
            let isWhole = sale.available + sale.held + sale.sold == sale.stock
            if isWhole, !plan.isOwnSale || sale.held + sale.sold >= units { return sale }
            if ContinuousClock.now >= deadline { return sale }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// How many of the orders pass a test of the server, many at a time.
    private static func count(
        _ orders: [OrderRequest], _ passes: @escaping @Sendable (OrderRequest) async throws -> Bool
    ) async -> Int {
        let places = min(orders.count, RushPlan.atOnceMax)
        return await withTaskGroup(of: Int.self) { group in
            for place in 0..<places {
                group.addTask {
                    var passed = 0
                    for index in stride(from: place, to: orders.count, by: places)
                    where (try? await passes(orders[index])) == true { passed += 1 }
                    return passed
                }
            }
            return await group.reduce(0, +)
        }
    }
}

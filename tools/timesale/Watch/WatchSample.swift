import TimesaleClient

/// What was seen at one look at the server.
struct WatchSample {
    var sales: [Sale]
    /// The server's clock, ms since 1970.
    var nowMs: UInt64

    /// - Parameter ids: empty for all that are scheduled, open or sold out.
    static func take(_ client: TimesaleClient, _ ids: [SaleID], timeoutMs: UInt32) async throws -> WatchSample
    {
        async let pong = client.ping(timeoutMs: timeoutMs)
        if ids.isEmpty {
            var sales: [Sale] = []
            var next: SaleID?
            repeat {
                let page = try await client.sales(
                    [.scheduled, .open, .soldOut], after: next, limit: 1000, timeoutMs: timeoutMs)
                sales += page.sales
                next = page.next
            } while next != nil
            return WatchSample(sales: sales, nowMs: try await pong.serverTimeMs)
        }
        let found = try await withThrowingTaskGroup(of: (Int, Sale).self) { group in
            for (index, id) in ids.enumerated() {
                group.addTask { (index, try await client.sale(id, timeoutMs: timeoutMs)) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return WatchSample(sales: ids.indices.compactMap { found[$0] }, nowMs: try await pong.serverTimeMs)
    }

    /// Whether nothing of what is watched can be sold any more.
    var isOver: Bool {
        !sales.isEmpty && sales.allSatisfy { [.soldOut, .ended, .closed].contains($0.state) }
    }
}

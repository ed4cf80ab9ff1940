import TimesaleClient

/// What the engine says when metrics are asked for.
struct EngineReading: Sendable {
    /// How long it has for each answer: a scrape must not wait for an engine that is away.
    static let timeoutMs: UInt32 = 500

    var shards: [ShardStats]
    var sales: [Sale]
    var policies: [Policy]

    /// Nil if it does not answer.
    static func read(_ services: Services, _ client: TimesaleClient) async -> EngineReading? {
        guard services.breaker.state == .closed else { return nil }
        let countMax = services.options.metricsSaleCountMax
        do throws(TimesaleError) {
            let shards = try await client.stats(timeoutMs: timeoutMs)
            guard countMax > 0 else { return EngineReading(shards: shards, sales: [], policies: []) }
            // Open ones first; others in the order of their creation as far as there is room.
            var sales = try await client.sales([.open], limit: countMax, timeoutMs: timeoutMs).sales
            var policies = try await client.policies([.open], limit: countMax, timeoutMs: timeoutMs).policies
            if sales.count < countMax {
                let known = Set(sales.map(\.id))
                let others = try await client.sales(limit: countMax, timeoutMs: timeoutMs).sales
                sales += others.filter { !known.contains($0.id) }.prefix(countMax - sales.count)
            }
            if policies.count < countMax {
                let known = Set(policies.map(\.id))
                let others = try await client.policies(limit: countMax, timeoutMs: timeoutMs).policies
                policies += others.filter { !known.contains($0.id) }.prefix(countMax - policies.count)
            }
            return EngineReading(shards: shards, sales: sales, policies: policies)
        } catch {
            return nil
        }
    }
}

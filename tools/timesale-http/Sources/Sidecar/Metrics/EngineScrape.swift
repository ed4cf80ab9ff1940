import TimesaleClient

/// What the engine says when metrics are asked for.
struct EngineScrape: Sendable {
    /// How long it has for each answer: a scrape must not wait for an engine that is away.
    static let timeoutMs: UInt32 = 1_000
    static let pageCountMax = 1_000

    /// Sales, or policies, that can be ordered from or are sold out: the newest, and how many more there are.
    struct Newest<Value: Sendable>: Sendable {
        var values: [Value] = []
        var leftOut = 0
    }

    var sequence: UInt64
    /// By how much the clock of the engine's machine is ahead of the engine's; negative: behind.
    var wallClockOffsetMs: Int
    var shards: [ShardStats]
    /// Nil if there is none.
    var mirror: MirrorStats?
    var sales: Newest<Sale>
    var policies: Newest<Policy>

    init(_ client: TimesaleClient, newestMax: Int) async throws(TimesaleError) {
        sequence = try await client.topology(timeoutMs: Self.timeoutMs).sequence
        wallClockOffsetMs = try await client.ping(timeoutMs: Self.timeoutMs).wallClockOffsetMs
        shards = try await client.stats(timeoutMs: Self.timeoutMs)
        mirror = try await client.mirrorIfAny(timeoutMs: Self.timeoutMs)
        sales = try await Self.newest(newestMax) { (after: SaleID?) async throws(TimesaleError) in
            let page = try await client.sales(
                [.open, .soldOut], after: after, limit: Self.pageCountMax, timeoutMs: Self.timeoutMs)
            return (page.sales, page.next)
        }
        policies = try await Self.newest(newestMax) { (after: PolicyID?) async throws(TimesaleError) in
            let page = try await client.policies(
                [.open, .exhausted], after: after, limit: Self.pageCountMax, timeoutMs: Self.timeoutMs)
            return (page.policies, page.next)
        }
    }

    /// The engine lists in the order of creation, so all pages are walked: a thousand to one, and not more often than
    /// once a second.
    private static func newest<Value: Sendable, ID>(
        _ countMax: Int, _ page: (ID?) async throws(TimesaleError) -> ([Value], next: ID?)
    ) async throws(TimesaleError) -> Newest<Value> {
        var newest = Newest<Value>()
        var after: ID?
        walk: repeat {
            let (values, next): ([Value], ID?)
            do throws(TimesaleError) {
                (values, next) = try await page(after)
            } catch {
                // What the last page ended with has left memory in this moment: then these are all for now.
                if case .refused = error { break walk }
                throw error
            }
            newest.values += values
            let tooMany = max(0, newest.values.count - countMax)
            newest.values.removeFirst(tooMany)
            newest.leftOut += tooMany
            after = next
        } while after != nil
        newest.values.reverse()
        return newest
    }
}

import Generator

/// timesale itself, one shard, as `bench speed` starts it.
public struct TimesaleContestant: Contestant {
    public let name = "timesale"
    private let trial: Trial

    /// `trial` says which server and where.
    public init(_ trial: Trial) { self.trial = trial }

    public func start(_ plan: LoadPlan, terms: SaleTerms) throws -> any ContestantServer {
        var trial = trial
        trial.setLoad(
            LoadCase(name: "", connections: plan.connections, depth: plan.depth, batch: plan.batch),
            seconds: plan.seconds)
        // Nine tenths of those that there is room for order.
        trial.settings.users = Int(plan.users) * 10 / 9 + 10
        let server = try trial.start()
        do {
            var plan = plan
            plan.address = server.address(isUnix: trial.isUnix)
            try Generator.createSale(
                plan, id: terms.sale, stock: terms.stock, startsAtMs: terms.startsAtMs, endsAtMs: terms.endsAtMs,
                perUserLimit: terms.perUserLimit)
        } catch {
            server.stop()
            throw error
        }
        return Running(server, isUnix: trial.isUnix)
    }

    private final class Running: ContestantServer {
        private let server: ServerUnderTest
        private let isUnix: Bool

        init(_ server: ServerUnderTest, isUnix: Bool) {
            self.server = server
            self.isUnix = isUnix
        }

        func aim(_ plan: inout LoadPlan) { plan.address = server.address(isUnix: isUnix) }

        var cpuSeconds: Double { server.usage.cpuSeconds(ofThreads: "") }

        func sold(_ terms: SaleTerms) throws -> Sold {
            let plan = LoadPlan(address: server.address(isUnix: isUnix))
            let orders = try Generator.statistics(plan).reduce(0) { $0 + $1.ordersRemembered }
            return Sold(units: try Generator.sales(plan, [terms.sale])[0].sold, orders: orders)
        }

        func stop() { server.stop() }
    }
}

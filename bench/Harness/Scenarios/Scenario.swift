import Generator

/// A part of a promotion: loads that follow each other on one server.
public enum Scenario: String, CaseIterable, Codable, Sendable {
    case timesale, coupon, point, full
}

/// What a scenario is run with.
public struct ScenarioSettings: Sendable {
    public var connections = 64
    /// Frames in flight on each connection (closed loop).
    public var depth = 16
    public var batch = 1
    public var users: UInt64 = 1_000_000
    /// Sales, and policies.
    public var sales = 1
    /// How much the first sales are wanted more than the others, as `ZipfTable` has it.
    public var skew = 0.0
    /// Of each sale and policy that is to run out.
    public var stock: UInt64 = 10_000
    /// Connections of those who want what runs out, each with one request in flight.
    public var buyers = 1000
    /// Entries of each load whose stock does not run out; nil: as many as come in `seconds`.
    public var operations: Int?
    public var seconds = 5.0
    /// Operations (or journeys) a second on a schedule; nil: a closed loop.
    public var rate: Double?
    public var seed: UInt64 = 1
    public var shards = 1

    public init() {}
}

/// One load of a scenario.
public struct ScenarioLoad: Sendable {
    public var name: String
    public var workload: Workload
    /// Whether more is wanted than there is.
    public var runsOut = false
    /// How many times the stock is wanted of what runs out.
    static let demand = 2

    public init(_ name: String, _ workload: Workload, runsOut: Bool = false) {
        self.name = name
        self.workload = workload
        self.runsOut = runsOut
    }
}

extension Scenario {
    public var loads: [ScenarioLoad] {
        switch self {
        case .timesale:
            [ScenarioLoad("orders, sold out", .order, runsOut: true), ScenarioLoad("orders, stock for all", .order)]
        case .coupon:
            [
                ScenarioLoad("coupons, first come", .issueCoupon, runsOut: true),
                ScenarioLoad("coupons, enough for all", .issueCoupon),
                ScenarioLoad("list a user's coupons", .listCoupons),
            ]
        case .point:
            [
                ScenarioLoad("earn points", .earnPoints), ScenarioLoad("ask for a balance", .getBalance),
                ScenarioLoad("use points", .usePoints),
            ]
        case .full:
            [
                ScenarioLoad("coupon, points, order, their use", .purchase),
                ScenarioLoad("coupon, points, checkout", .checkout),
            ]
        }
    }
}

extension ScenarioLoad {
    /// Warm-up of a load that runs for some time, in seconds.
    static let warmUpSeconds = 0.5

    /// The most entries that it sends, whatever the server's speed: what room is made for.
    func entriesMax(_ settings: ScenarioSettings, isUnix: Bool) -> Int {
        if runsOut { return Self.demand * Int(settings.stock) * settings.sales }
        if let operations = settings.operations { return operations }
        let seconds = settings.seconds + Self.warmUpSeconds
        if let rate = settings.rate { return Int(rate * seconds) + 1 }
        return Int(Self.margin * seconds * expectedPerSecond(settings, isUnix: isUnix))
    }

    /// A machine may be so much faster than the one that `Capacity` knows.
    private static let margin = 1.6

    private func expectedPerSecond(_ settings: ScenarioSettings, isUnix: Bool) -> Double {
        Capacity.expectedOrdersPerSecond(
            framesInFlight: settings.connections * settings.depth, batch: batch(settings), isUnix: isUnix)
            / Double(workload.steps.count)
    }

    private func batch(_ settings: ScenarioSettings) -> Int { runsOut ? 1 : min(settings.batch, workload.batchMax) }

    /// What the generator is to do. `firstId` is that of the load's sales and policies.
    func plan(
        _ settings: ScenarioSettings, at address: LoadPlan.Address, firstId: UInt64, userSpace: UInt64
    ) -> LoadPlan {
        var plan = LoadPlan(address: address)
        var isUnix = false
        if case .unix = address { isUnix = true }
        plan.workload = workload
        plan.connections = runsOut ? settings.buyers : settings.connections
        plan.depth = runsOut ? 1 : settings.depth
        plan.batch = batch(settings)
        plan.framesPerSecond = settings.rate.map { $0 / Double(plan.batch) }
        plan.seconds = settings.seconds
        plan.warmUpSeconds = Self.warmUpSeconds
        if runsOut || settings.operations != nil {
            plan.entriesTotal = entriesMax(settings, isUnix: isUnix)
        } else {
            plan.entriesMax = entriesMax(settings, isUnix: isUnix)
        }
        plan.saleIds = (0..<UInt64(settings.sales)).map { firstId + $0 }
        plan.users = settings.users
        plan.userSpace = userSpace
        plan.skew = settings.skew
        plan.stock = runsOut ? settings.stock : nil
        plan.seed = settings.seed
        plan.shards = settings.shards > 1 ? settings.shards : nil
        plan.isAccounted = true
        return plan
    }
}

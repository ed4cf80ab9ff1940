import Generator

/// A load test of a promotion: phases on one server, one after the other. What came of all of them is verified at
/// the end.
public struct Scenario: Sendable {
    public var name: String
    public var phases: [Phase]

    public struct Phase: Codable, Equatable, Sendable {
        public enum Kind: String, Codable, Sendable {
            /// From many buyers at once more is asked for than there is: what counts is that all of it is sold, and
            /// not one more.
            case rush
            /// There is more than can be asked for: what counts is how many a second, and how long each takes.
            case speed
        }

        public var name: String
        public var workload: Workload
        public var kind: Kind

        init(_ name: String, _ workload: Workload, _ kind: Kind = .speed) {
            self.name = name
            self.workload = workload
            self.kind = kind
        }
    }

    public static let timesale = Scenario(
        name: "timesale", phases: [Phase("sold-out", .order, .rush), Phase("orders", .order)])
    public static let coupon = Scenario(
        name: "coupon",
        phases: [Phase("first-come", .issueCoupon, .rush), Phase("issue", .issueCoupon), Phase("list", .listCoupons)])
    public static let point = Scenario(
        name: "point",
        phases: [Phase("earn", .earnPoints), Phase("balance", .getBalance), Phase("use", .usePoints)])
    public static let full = Scenario(
        name: "full", phases: [Phase("journey", .purchase), Phase("checkout", .checkout)])

    public static let all = [timesale, coupon, point, full]
}

/// How hard a scenario is run, and for how long.
public struct ScenarioLoad: Codable, Sendable {
    /// Connections, frames in flight on each, and entries in each, of phases that measure speed.
    public var connections = 64
    public var depth = 1
    public var batch = 1
    public var users = 1_000_000
    /// Sales, or policies.
    public var sales = 1
    public var skew = 0.0
    /// Seconds of each phase that measures speed, after half a second that is not counted...
    public var seconds = 5.0
    /// ... or so many operations, each of them counted.
    public var operations: Int?
    /// Operations a second on a schedule, in place of a closed loop.
    public var rate: Double?
    /// Of a rush: who comes at once, what there is of each sale, what one user may have of it, and how many times the
    /// stock is asked for.
    public var buyers = 1000
    public var stock = 10_000
    public var perUserLimit: UInt32 = 2
    public var demand = 3
    public var seed: UInt64 = 1

    public init() {}

    /// However fast a server is: what a phase writes has to fit on the disk and into memory.
    static let operationsMax = 20_000_000
    private static let warmUpSeconds = 0.5

    /// The most entries that a phase sends; nil for one that writes nothing.
    public func entriesMax(_ phase: Scenario.Phase) -> Int? {
        if phase.kind == .rush { return demand * stock * sales }
        if let operations { return operations }
        if phase.workload.records.sizeBytes == 0 { return nil }
        let seconds = seconds + Self.warmUpSeconds
        if let rate { return max(1, Int(rate * seconds * 1.05)) }
        let perSecond =
            Capacity.expectedOrdersPerSecond(framesInFlight: connections * depth, batch: batch(phase), isUnix: true)
            / Double(phase.workload.steps.count)
        return max(1, min(Self.operationsMax, Int(perSecond * seconds)))
    }

    public func batch(_ phase: Scenario.Phase) -> Int { phase.kind == .rush ? 1 : min(batch, phase.workload.batchMax) }
    public func connections(_ phase: Scenario.Phase) -> Int { phase.kind == .rush ? buyers : connections }
    public func depth(_ phase: Scenario.Phase) -> Int { phase.kind == .rush ? 1 : depth }

    /// What the generator is to do in one phase. `firstOffer` is the id of its first sale or policy.
    func plan(_ phase: Scenario.Phase, on base: LoadPlan, firstOffer: UInt64, seed: UInt64) -> LoadPlan {
        var plan = base
        plan.isAccounted = true
        plan.workload = phase.workload
        plan.connections = connections(phase)
        plan.depth = depth(phase)
        plan.batch = batch(phase)
        plan.users = UInt64(users)
        plan.saleIds = (0..<UInt64(sales)).map { firstOffer + $0 }
        plan.skew = skew
        plan.seed = seed
        plan.seconds = seconds
        plan.warmUpSeconds = Self.warmUpSeconds
        if phase.kind == .rush {
            plan.stock = UInt64(stock)
            plan.perUserLimit = perUserLimit
            plan.entriesTotal = entriesMax(phase)
        } else {
            plan.framesPerSecond = rate.map { $0 / Double(plan.batch) }
            if operations != nil { plan.entriesTotal = operations } else { plan.entriesMax = entriesMax(phase) }
        }
        return plan
    }
}

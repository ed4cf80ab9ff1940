import Generator

/// What a sale is, to every contestant.
public struct SaleTerms: Sendable {
    public var sale: UInt64 = 1
    public var stock: UInt64 = 1 << 40
    public var startsAtMs: UInt64 = 0
    public var endsAtMs: UInt64 = 1 << 42
    /// Units; 0: none.
    public var perUserLimit: UInt32 = 1_000_000

    public init() {}
}

/// What a contestant says that it has sold.
public struct Sold: Equatable, Sendable {
    public var units: UInt64
    /// Orders that it remembers.
    public var orders: UInt64

    public init(units: UInt64, orders: UInt64) {
        self.units = units
        self.orders = orders
    }
}

/// Somebody who takes orders, as a fresh server of its own for each bout. A further one (an HTTP service before
/// timesale, say) is one more of these, with a wire of its own if it needs one.
public protocol Contestant: Sendable {
    /// As on the command line and in the report.
    var name: String { get }

    /// Starts a server for one bout, and makes the sale of `terms` there. `plan` says what it will be asked for.
    func start(_ plan: LoadPlan, terms: SaleTerms) throws -> any ContestantServer
}

/// A server that runs until it is stopped.
public protocol ContestantServer: AnyObject {
    /// Has the plan go to this server.
    func aim(_ plan: inout LoadPlan)

    /// CPU seconds of all its processes.
    var cpuSeconds: Double { get }

    func sold(_ terms: SaleTerms) throws -> Sold

    /// Ends it and removes its data.
    func stop()
}

/// Where servers run and keep their data: the same for all.
public struct ContestSettings: Sendable {
    /// Where data directories are made; nil: with the temporary files.
    public var directory: String?
    /// -1: the scheduler's choice.
    public var serverCPU = 0
    public var generatorCPU = 1
    public var isUnix = false

    public init() {}
}

import CLinux

/// A part of the server that is measured by itself.
public enum MicroPart: String, CaseIterable, Codable, Sendable {
    case engineBatch = "engine-batch"
    case engineSingle = "engine-single"
    case log
    case logSmall = "log-small"
    case counter
    case counterShared = "counter-shared"

    /// How much of it is done.
    public struct Size: Codable, Equatable, Sendable {
        /// Orders in each batch of `engine-batch`.
        public var batch = 1024
        /// Orders that the engine has room for, and decides on.
        public var orders = 10_000_000
        public var users = 4_000_000
        /// Events that are logged, units that each thread takes.
        public var operations = 20_000_000

        public init() {}
    }

    private static let logBlock = 1024
    private static let smallLogBlock = 16

    public func text(_ size: Size, threads: Int) -> String {
        switch self {
        case .engineBatch: "engine: an order in batches of \(size.batch)"
        case .engineSingle: "engine: a single order"
        case .log: "log: an order in blocks of \(Self.logBlock)"
        case .logSmall: "log: an order in blocks of \(Self.smallLogBlock)"
        case .counter: "counter: a unit of the own stripe, \(threads) thread\(threads == 1 ? "" : "s")"
        case .counterShared: "counter: a unit of one stripe for all, \(threads) thread\(threads == 1 ? "" : "s")"
        }
    }

    public var hasThreads: Bool { self == .counter || self == .counterShared }

    /// Operations of `size` that are done in fact: whole batches and blocks.
    public func operations(_ size: Size) -> Int {
        switch self {
        case .engineBatch: size.orders / size.batch * size.batch
        case .engineSingle: size.orders
        case .log: size.operations / Self.logBlock * Self.logBlock
        case .logSmall: size.operations / Self.smallLogBlock * Self.smallLogBlock
        case .counter, .counterShared: size.operations
        }
    }

    /// Nanoseconds of one operation; of the slowest of several threads. One thread runs where its caller does.
    /// `room` is what the engine has room for, if that is more than what it decides on.
    public func nanoseconds(_ size: Size, threads: Int = 1, room: Int? = nil) -> Double {
        switch self {
        case .engineBatch, .engineSingle:
            BareEngine(orders: room ?? size.orders, users: size.users)
                .nanosecondsPerOrder(batch: self == .engineSingle ? 1 : size.batch, limit: size.orders)
        case .log: BareLog().nanosecondsPerEvent(block: Self.logBlock, count: size.operations)
        case .logSmall: BareLog().nanosecondsPerEvent(block: Self.smallLogBlock, count: size.operations)
        case .counter: BareCounter(.own, threads: threads, takes: size.operations).nanosecondsPerTake(size.operations)
        case .counterShared:
            BareCounter(.one, threads: threads, takes: size.operations).nanosecondsPerTake(size.operations)
        }
    }
}

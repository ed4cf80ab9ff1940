import Protocol

/// What a load generator is to do.
public struct LoadPlan: Sendable {
    public enum Address: Equatable, Sendable {
        /// Of this machine.
        case tcp(port: UInt16)
        case unix(path: String)
        case remote(host: String, port: UInt16)
    }

    public var address: Address
    public var workload = Workload.order
    public var connections = 64
    /// Frames in flight on each connection (closed loop).
    public var depth = 1
    /// Entries in each frame.
    public var batch = 1
    /// Frames a second over all connections, on a schedule whatever the server does (open loop); nil: a
    /// closed loop.
    public var framesPerSecond: Double?
    public var seconds = 5.0
    /// Results of the first part of a run are not counted, in seconds.
    public var warmUpSeconds = 0.5
    /// A closed loop that sends so many entries in all, however long it takes, and counts every one.
    public var entriesTotal: Int?
    /// Of the sales, or of the policies.
    public var saleIds: [UInt64] = [1]
    public var users: UInt64 = 1_000_000
    /// How much the first sales are wanted more than the others, as `ZipfTable` has it; 0: all alike.
    public var skew = 0.0
    /// Stock of each sale, coupons of each policy; nil: above any demand.
    public var stock: UInt64?
    /// Nil: above any demand.
    public var perUserLimit: UInt32?
    public var quantity: UInt32 = 1
    /// The upper half of the users' ids: another one makes other users.
    public var userSpace: UInt64 = 0
    /// Ends after so many entries, if its time is not over before.
    public var entriesMax: Int?
    /// Whether everything is accounted for: warm-up too, the replies that are on their way when the time is over are
    /// waited for, and a connection that breaks leaves unknown what was in flight, in place of ending the run.
    public var isAccounted = false
    public var seed: UInt64 = 1
    /// The number of shards: connections ask for each in turn. nil: for any.
    public var shards: Int?
    /// Whether a connection orders only for users of the shard it asked for. There have to be enough users that
    /// each shard owns some.
    public var isOwnUsersOnly = false
    public var token = ""
    /// How orders travel to a server that does not speak timesale's protocol, in a closed loop; nil: to one that does.
    public var wire: (any OrderWire)?

    public init(address: Address) { self.address = address }
}

/// What came of it.
public struct LoadReport: Sendable {
    public var seconds = 0.0
    public var accepted: UInt64 = 0
    /// Refused entries by code.
    public var refused: [UInt16: UInt64] = [:]
    public var frames: UInt64 = 0
    /// From the moment a frame was due (open loop) or handed to the socket (closed loop) to the moment its reply
    /// was read. Without those that were answered BUSY as a whole, which have their own.
    public var latency = Latencies()
    public var busyLatency = Latencies()
    public var busyFrames: UInt64 = 0
    /// Those of them that say when to ask again.
    public var busyFramesWithHint: UInt64 = 0
    /// Open loop: from the moment a frame was due to the moment it was handed to the socket. What the generator
    /// itself adds to the latency.
    public var lateness = Latencies()
    /// CPU time of the generator's thread over the time of the run, 1 = one core.
    public var generatorCPU = 0.0
    /// Frames of an open loop that were due and could not even be sent when the run ended.
    public var unsent: UInt64 = 0

    public var account = Account()
    public var timeline: [Moment] = []

    public var acceptedPerSecond: Double { seconds > 0 ? Double(accepted) / seconds : 0 }
    public var refusedTotal: UInt64 { refused.values.reduce(0, +) }

    public init() {}
}

/// All that was sent, and what became of it: what a server has to agree with.
public struct Account: Sendable {
    /// Entries that are reported as done, by operation.
    public var accepted: [Operation: UInt64] = [:]
    /// Refused entries by code.
    public var refused: [UInt16: UInt64] = [:]
    /// Entries whose reply never came: each may have been accepted or not.
    public var unknown: UInt64 = 0
    public var connectionsLost = 0
    /// How often each sale or policy was asked for, in the plan's order.
    public var demand: [UInt64] = []

    public init() {}

    /// Adds what another load on the same server did; not its demand, which is that of its own offers.
    public mutating func add(_ other: Account) {
        accepted.merge(other.accepted, uniquingKeysWith: +)
        refused.merge(other.refused, uniquingKeysWith: +)
        unknown += other.unknown
        connectionsLost += other.connectionsLost
    }
}

/// What a load had come to at one moment.
public struct Moment: Codable, Equatable, Sendable {
    /// Since its begin, warm-up included.
    public var seconds: Double
    /// So far.
    public var accepted: UInt64
    public var refused: UInt64
    /// Of the last tenth of a second; nil as long as none is counted.
    public var p99Us: UInt64?

    public init(seconds: Double, accepted: UInt64, refused: UInt64, p99Us: UInt64?) {
        self.seconds = seconds
        self.accepted = accepted
        self.refused = refused
        self.p99Us = p99Us
    }
}

/// Why a run could not be carried out.
public struct LoadError: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}

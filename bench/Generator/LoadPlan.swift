/// What a load generator is to do.
public struct LoadPlan: Sendable {
    public enum Address: Sendable {
        case tcp(port: UInt16)
        case unix(path: String)
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
    public var quantity: UInt32 = 1
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
    /// was read.
    public var latency = Latencies()
    /// Open loop: from the moment a frame was due to the moment it was handed to the socket. What the generator
    /// itself adds to the latency.
    public var lateness = Latencies()
    /// CPU time of the generator's thread over the time of the run, 1 = one core.
    public var generatorCPU = 0.0
    /// Frames of an open loop that were due and could not even be sent when the run ended.
    public var unsent: UInt64 = 0

    public var acceptedPerSecond: Double { seconds > 0 ? Double(accepted) / seconds : 0 }
    public var refusedTotal: UInt64 { refused.values.reduce(0, +) }

    public init() {}
}

/// Why a run could not be carried out.
public struct LoadError: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}

/// How a client reaches its server and how it treats calls. Times in ms, sizes in entries.
public struct ClientConfiguration: Hashable, Sendable {
    /// Where a server listens.
    public enum Address: Hashable, Sendable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    /// What happens to a call when its queue is full.
    public enum WhenFull: Hashable, Sendable {
        /// The caller waits its turn, in order of arrival, until its deadline.
        case suspend
        /// The call fails at once with `overloaded`.
        case refuse
    }

    /// Addresses of one server, tried in turn. All connections of a moment go to the same one.
    public var addresses: [Address]
    /// As in the server's token file; at most 78 bytes. Empty for a server without tokens.
    public var token: String = ""

    /// From the call to its answer, with all waiting and retrying. Each call can be given another one.
    public var timeoutMs: UInt32 = 5_000
    /// From beginning to connect to the end of the handshake, for one attempt.
    public var connectTimeoutMs: UInt32 = 2_000
    /// A connection with something under way that has brought nothing for so long is given up, and what was
    /// under way is sent again on another.
    public var silenceMaxMs: UInt32 = 10_000

    /// The wait before the second attempt to connect; it doubles with each further one. Half of each wait is random.
    public var reconnectDelayMinMs: UInt32 = 10
    public var reconnectDelayMaxMs: UInt32 = 250
    /// The wait before a call is sent again after `busy`, if the server gives no hint; it doubles, and half is random.
    public var retryDelayMinMs: UInt32 = 1
    public var retryDelayMaxMs: UInt32 = 100

    /// The most calls in one frame, 1 ... 8,190; of checkouts it is 256 at most.
    public var batchCountMax: Int = 1_024
    /// Frames of one operation under way to one shard. While there are fewer, a call leaves at once; then calls
    /// gather, and leave together. More frames: less waiting, smaller batches.
    public var framesInFlightMax: Int = 4
    /// Calls of one operation to one shard that are queued or sent. More of them suspend their callers or are
    /// refused, as `whenFull` says.
    public var callsMax: Int = 32_768
    public var whenFull: WhenFull = .suspend

    public init(_ addresses: Address...) { self.addresses = addresses }
    public init(addresses: [Address]) { self.addresses = addresses }
}

extension ClientConfiguration.Address: CustomStringConvertible, LosslessStringConvertible {
    /// Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; nil for anything else.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: String(host), port: Int(port))
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

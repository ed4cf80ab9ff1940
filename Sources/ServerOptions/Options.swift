public import Redis
import Settings

/// The configuration of a server, resolved and checked: what `Server` starts from.
public struct Options: Sendable, Equatable {
    /// At least one, all different but for TCP port 0.
    public var listen: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 7070)]
    /// Empty: every client of this machine is admitted. Else the handshake must present one of these.
    public var tokens: [Token] = []
    /// Where they are read from, again on SIGHUP.
    public var tokenFile: String?
    /// Open connections over all shards, 1...1,000,000.
    public var connectionCountMax = 10_000
    /// Time for the handshake, for completing a begun frame, for reading replies; 100 ms to 1 h.
    public var clientTimeoutMs: UInt64 = 10_000
    /// How long requests may wait for their shard before new work is refused with BUSY; 0: any time. To 60 s.
    public var queueDelayMs: UInt64 = 250

    /// Relative paths start at the working directory.
    public var dataDirectory = "./data"
    public var fsync = FsyncMode.always
    /// A multiple of 1 MiB, 2 MiB to 4 GiB.
    public var segmentSizeBytes = 64 << 20
    /// Log that is kept ready ahead of use, over all shards, 0 to 1 TiB.
    public var logAheadBytes = 256 << 20
    /// Log since the last snapshot, over all shards, after which the next one is made; 0: only when asked. To 1 TiB.
    public var snapshotAfterBytes = 1 << 30
    /// Where segments go that no start needs any more; nil: nowhere.
    public var archiveDirectory: String?

    /// 1...64.
    public var shardCount = 1
    /// The CPU of each shard's thread in order, or empty. Whether the CPUs exist is the kernel's to say when
    /// they are pinned.
    public var pinnedCPUs: [Int] = []

    /// Users with remembered orders, points or coupons, over all shards, 1...1,000,000,000.
    public var userCountMax = 1_000_000
    /// Remembered orders over all shards, 1...1,000,000,000.
    public var orderCountMax = 4_000_000
    /// Sales and policies, ended ones included, 1...10,000,000.
    public var saleCountMax = 100_000
    /// Remembered transactions of points over all shards, 1...1,000,000,000.
    public var transactionCountMax = 1_000_000
    /// Coupons over all shards, 1...1,000,000,000.
    public var couponCountMax = 1_000_000
    /// Remembered checkouts over all shards, 1...1,000,000,000.
    public var checkoutCountMax = 1_000_000
    public var tables = TableMemory.growing

    /// How long ended orders and their ids are remembered, 1 s to 3,650 days.
    public var retainMs: UInt64 = 7 * 86_400_000
    /// After a start no hold ends before this, 0 to 1 day.
    public var graceMs: UInt64 = 30_000

    public var logLevel = LogLevel.info

    /// The copy of the counts that the rest of the shop reads; nil: none is kept.
    public var redis: RedisSettings?

    /// The defaults.
    public init() {}

    /// Checks what no value can be blamed for alone.
    public func validate() throws(OptionsError) {
        if listen.isEmpty { throw .configuration("no address to listen on; give --listen ADDRESS") }
        var seen: Set<ListenAddress> = []
        for address in listen where !seen.insert(address).inserted {
            if case .tcp(_, port: 0) = address { continue }
            throw .configuration("--listen names \(address) twice; give every address once")
        }
        if tokens.isEmpty, let open = listen.first(where: { !$0.isLocal }) {
            throw .configuration(
                "listening on \(open) without tokens lets the whole network sell and cancel; "
                    + "give --token-file FILE, or listen on 127.0.0.1 only")
        }
        if !pinnedCPUs.isEmpty, pinnedCPUs.count != shardCount {
            throw .configuration(
                "--pin names \(pinnedCPUs.count) CPUs for --shards \(shardCount); name one CPU per shard")
        }
        if Set(pinnedCPUs).count != pinnedCPUs.count {
            throw .configuration(
                "--pin names a CPU twice; two shards on one CPU wait for each other, name different ones")
        }
    }
}

extension Options: CustomStringConvertible {
    /// All settings on one line for the log of a start, without the tokens.
    public var description: String {
        let durations = Quantities.durationUnits
        let addresses = listen.map(\.description).joined(separator: ",")
        let cpus = pinnedCPUs.isEmpty ? "none" : pinnedCPUs.map(String.init).joined(separator: ",")
        return """
            listen=\(addresses) tokens=\(tokens.count) connections=\(connectionCountMax) \
            client-timeout=\(Quantities.spelling(clientTimeoutMs, durations)) \
            queue-delay=\(Quantities.spelling(queueDelayMs, durations)) \
            data=\(dataDirectory.debugDescription) fsync=\(fsync.rawValue) \
            segment-size=\(Quantities.spelling(UInt64(segmentSizeBytes), Quantities.sizeUnits)) \
            log-ahead=\(Quantities.spelling(UInt64(logAheadBytes), Quantities.sizeUnits)) \
            snapshot-after=\(Quantities.spelling(UInt64(snapshotAfterBytes), Quantities.sizeUnits)) \
            archive=\(archiveDirectory?.debugDescription ?? "none") \
            shards=\(shardCount) pin=\(cpus) \
            users=\(userCountMax) orders=\(orderCountMax) sales=\(saleCountMax) \
            transactions=\(transactionCountMax) coupons=\(couponCountMax) checkouts=\(checkoutCountMax) \
            tables=\(tables.rawValue) \
            retain=\(Quantities.spelling(retainMs, durations)) \
            grace=\(Quantities.spelling(graceMs, durations)) \
            log-level=\(logLevel.rawValue) \
            \(redisDescription)
            """
    }
}

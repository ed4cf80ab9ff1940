import TimesaleClient

/// The counters of a server: of each shard, and their sums.
struct StatsReport {
    /// One counter: its name in JSON and how it is read.
    private typealias Counter = (name: String, value: KeyPath<ShardStats, UInt64> & Sendable)

    private static let counters: [Counter] = [
        ("frames", \.frames), ("ordersAccepted", \.ordersAccepted), ("ordersRefused", \.ordersRefused),
        ("confirms", \.confirms), ("cancels", \.cancels), ("expiries", \.expiries), ("extends", \.extends),
        ("forwarded", \.forwarded), ("busy", \.busy), ("openHolds", \.openHolds),
        ("ordersRemembered", \.ordersRemembered), ("ordersCapacity", \.ordersCapacity),
        ("usersKnown", \.usersKnown), ("usersCapacity", \.usersCapacity), ("tombstones", \.tombstones),
        ("logEvents", \.logEvents), ("logBytes", \.logBytes), ("logBlocks", \.logBlocks),
        ("logLatencyUs", \.logLatencyUs), ("bytesReceived", \.bytesReceived), ("bytesSent", \.bytesSent),
        ("turns", \.turns), ("pointEarnings", \.pointEarnings), ("pointUses", \.pointUses),
        ("transactionsRemembered", \.transactionsRemembered),
        ("transactionsCapacity", \.transactionsCapacity),
        ("couponsIssued", \.couponsIssued), ("couponUses", \.couponUses),
        ("couponRestores", \.couponRestores), ("couponsRemembered", \.couponsRemembered),
        ("couponsCapacity", \.couponsCapacity), ("checkoutsPlaced", \.checkoutsPlaced),
        ("checkoutConfirms", \.checkoutConfirms), ("checkoutCancels", \.checkoutCancels),
        ("checkoutExpiries", \.checkoutExpiries), ("checkoutsRemembered", \.checkoutsRemembered),
        ("checkoutsCapacity", \.checkoutsCapacity), ("ordersRetired", \.ordersRetired),
        ("tombstonesRetired", \.tombstonesRetired), ("transactionsRetired", \.transactionsRetired),
        ("couponsRetired", \.couponsRetired), ("couponOperationsRetired", \.couponOperationsRetired),
        ("checkoutsRetired", \.checkoutsRetired), ("offersRetired", \.offersRetired),
        ("refusedSoldOut", \.refusedSoldOut), ("refusedLimitExceeded", \.refusedLimitExceeded),
        ("refusedNotStarted", \.refusedNotStarted), ("refusedEnded", \.refusedEnded),
        ("refusedClosed", \.refusedClosed), ("refusedNotFound", \.refusedNotFound),
        ("refusedCapacity", \.refusedCapacity), ("refusedNoSpace", \.refusedNoSpace), ("cpuUs", \.cpuUs),
        ("meshBytes", \.meshBytes), ("repliesWaitingBytes", \.repliesWaitingBytes),
        ("openAssemblies", \.openAssemblies), ("logRoomBytes", \.logRoomBytes), ("logSyncUs", \.logSyncs.sumUs),
    ]

    private let topology: Topology
    private let shards: [ShardStats]

    private let mirror: MirrorStats

    init(_ topology: Topology, _ shards: [ShardStats], _ mirror: MirrorStats) {
        self.topology = topology
        self.mirror = mirror
        self.shards = shards
    }

    func json(address: String) -> JSON {
        let each = shards.map { shard in
            JSON.object([("shard", .integer(shard.shard))] + Self.counts([shard])).adding([
                ("writtenLsn", .integer(shard.writtenLSN)), ("durableLsn", .integer(shard.durableLSN)),
                ("logSyncs", .array(shard.logSyncs.counts.map { .integer($0) })),
            ])
        }
        return .object([
            ("server", .string(address)), ("serverTime", .string(Timestamp.text(ms: topology.serverTimeMs))),
            ("instance", .string(String(topology.instance))),
            ("protocolVersion", .integer(topology.protocolVersion)),
            ("retainSeconds", .number(Double(topology.retainMs) / 1000)), ("admin", .bool(topology.isAdmin)),
            ("sequence", .integer(topology.sequence)),
            ("total", .object(Self.counts(shards))), ("shards", .array(each)), ("mirror", mirrorJSON),
        ])
    }

    private var mirrorJSON: JSON {
        .object([
            ("state", .string(mirror.state.rawValue)), ("sequence", .integer(mirror.sequence)),
            ("eventSequence", .integer(mirror.eventSequence)), ("lagEvents", .integer(mirror.lagEvents)),
            ("lagBytes", .integer(mirror.lagBytes)), ("lagMs", .integer(mirror.lagMs)),
            ("writes", .integer(mirror.writes)), ("flushes", .integer(mirror.flushes)),
            ("errors", .integer(mirror.errors)), ("rewrites", .integer(mirror.rewrites)),
            ("repairs", .integer(mirror.repairs)), ("eventsWritten", .integer(mirror.eventsWritten)),
            ("eventGaps", .integer(mirror.eventGaps)),
        ])
    }

    private static func counts(_ shards: [ShardStats]) -> [(String, JSON)] {
        let connections = shards.reduce(0) { $0 + $1.connections }
        return [("connections", .integer(connections))]
            + counters.map { ($0.name, .integer(sum(shards, $0.value))) }
    }

    func text(address: String, _ style: Style) -> String {
        let fields: [(String, StyledText)] = [
            ("server", StyledText(address, .bold)),
            ("clock", StyledText(Timestamp.text(ms: topology.serverTimeMs))),
            ("shards", StyledText("\(topology.shards)")),
            ("log", StyledText("at sequence \(Numbers.grouped(topology.sequence))")),
            ("ids", StyledText("remembered for \(Milliseconds(topology.retainMs))")),
            ("Redis", mirrorText),
            ("you are", topology.isAdmin ? "admin" : "shop"),
        ]
        return [
            Table.fields(fields, style), orders.rendered(style), tables.rendered(style),
            promotions.rendered(style), checkouts.rendered(style), retired.rendered(style), log.rendered(style),
        ]
        .joined(separator: "\n")
    }

    /// How the copy in Redis stands, in a line.
    private var mirrorText: StyledText {
        let counts =
            "\(Numbers.grouped(mirror.writes)) counts written"
            + (mirror.eventsWritten > 0 ? ", \(Numbers.grouped(mirror.eventsWritten)) events" : "")
        let lag =
            "\(Numbers.grouped(mirror.lagEvents)) events behind, \(Milliseconds(mirror.lagMs)) since it had all"
        return switch mirror.state {
        case .off: "no mirror"
        case .closed: StyledText(mirror.lagEvents == 0 ? "in step, \(counts)" : "\(lag); \(counts)")
        case .open, .halfOpen: 
            StyledText(
                "cannot be written, the server's log says why" + (mirror.lagEvents == 0 ? "" : ": \(lag)"), .bold)
        case .superseded: StyledText("belongs to a server that was started later", .bold)
        case .unknown: "in a state that this client does not know"
        }
    }

    private var orders: Table {
        var table = Table(
            "shard", ">connections", ">requests", ">accepted", ">refused", ">confirms", ">cancels",
            ">expiries",
            ">extends", ">forwarded", ">busy")
        let columns: [KeyPath<ShardStats, UInt64>] = [
            \.frames, \.ordersAccepted, \.ordersRefused, \.confirms, \.cancels, \.expiries, \.extends,
            \.forwarded,
            \.busy,
        ]
        add(to: &table) { shard in
            [Numbers.grouped(shard.map(\.connections).reduce(0, +))]
                + columns.map { column in Numbers.grouped(Self.sum(shard, column)) }
        }
        return table
    }

    private var tables: Table {
        var table = Table(
            "shard", ">open holds", ">orders known", ">of", ">users known", ">of", ">tombstones")
        let columns: [KeyPath<ShardStats, UInt64>] = [
            \.openHolds, \.ordersRemembered, \.ordersCapacity, \.usersKnown, \.usersCapacity, \.tombstones,
        ]
        add(to: &table) { shards in columns.map { Numbers.grouped(Self.sum(shards, $0)) } }
        return table
    }

    private var promotions: Table {
        var table = Table(
            "shard", ">coupons issued", ">used", ">restored", ">coupons known", ">of", ">points earned", ">used",
            ">transactions known", ">of")
        let columns: [KeyPath<ShardStats, UInt64>] = [
            \.couponsIssued, \.couponUses, \.couponRestores, \.couponsRemembered, \.couponsCapacity,
            \.pointEarnings, \.pointUses, \.transactionsRemembered, \.transactionsCapacity,
        ]
        add(to: &table) { shards in columns.map { Numbers.grouped(Self.sum(shards, $0)) } }
        return table
    }

    private var checkouts: Table {
        var table = Table(
            "shard", ">checkouts placed", ">confirms", ">cancels", ">expiries", ">checkouts known", ">of")
        let columns: [KeyPath<ShardStats, UInt64>] = [
            \.checkoutsPlaced, \.checkoutConfirms, \.checkoutCancels, \.checkoutExpiries, \.checkoutsRemembered,
            \.checkoutsCapacity,
        ]
        add(to: &table) { shards in columns.map { Numbers.grouped(Self.sum(shards, $0)) } }
        return table
    }

    private var retired: Table {
        var table = Table(
            "shard", ">orders retired", ">tombstones", ">transactions", ">coupons", ">uses, restores", ">checkouts",
            ">sales, policies")
        let columns: [KeyPath<ShardStats, UInt64>] = [
            \.ordersRetired, \.tombstonesRetired, \.transactionsRetired, \.couponsRetired, \.couponOperationsRetired,
            \.checkoutsRetired, \.offersRetired,
        ]
        add(to: &table) { shards in columns.map { Numbers.grouped(Self.sum(shards, $0)) } }
        return table
    }

    private var log: Table {
        var table = Table(
            "shard", ">log events", ">log size", ">blocks", ">mean write", ">half of syncs", ">99 %", ">received",
            ">sent", ">CPU")
        add(to: &table) { shards in
            let blocks = Self.sum(shards, \.logBlocks)
            let mean = Duration.microseconds(
                Int64(clamping: Self.sum(shards, \.logLatencyUs) / max(1, blocks)))
            return [
                Numbers.grouped(Self.sum(shards, \.logEvents)), Numbers.bytes(Self.sum(shards, \.logBytes)),
                Numbers.grouped(blocks), Numbers.time(mean), Self.most(shards, 0.5), Self.most(shards, 0.99),
                Numbers.bytes(Self.sum(shards, \.bytesReceived)), Numbers.bytes(Self.sum(shards, \.bytesSent)),
                Numbers.time(.microseconds(Int64(clamping: Self.sum(shards, \.cpuUs)))),
            ]
        }
        return table
    }

    /// How long a share of the syncs of the log took at most, as far as their classes tell.
    private static func most(_ shards: [ShardStats], _ share: Double) -> String {
        let none = LatencyHistogram(counts: shards.first?.logSyncs.counts.map { _ in 0 } ?? [], sumUs: 0)
        let syncs = shards.reduce(none) { $0 + $1.logSyncs }
        if syncs.count == 0 { return "" }
        guard let bound = syncs.bound(ofShare: share) else { return "over 1 s" }
        return "< \(Numbers.time(bound))"
    }

    /// A row for each shard, and one for all where there are several.
    private func add(to table: inout Table, _ cells: ([ShardStats]) -> [String]) {
        for shard in shards { table.add(([String(shard.shard)] + cells([shard])).map { StyledText($0) }) }
        if shards.count > 1 { table.add((["all"] + cells(shards)).map { StyledText($0, .bold) }) }
    }

    private static func sum(_ shards: [ShardStats], _ value: KeyPath<ShardStats, UInt64>) -> UInt64 {
        shards.reduce(0) { $0 &+ $1[keyPath: value] }
    }
}

import Settings
import TimesaleClient

/// One event of the dashboard's stream: everything that it shows, as it is at one moment.
struct LiveState {
    let timeMs: UInt64
    /// Nil while the engine answers.
    let awaySinceMs: UInt64?
    let breaker: Breaker.State
    let connections: Int
    let restarts: UInt64
    /// The last answer of the engine; nil before the first.
    let reading: EngineReading?
    /// Nil where rates cannot be told.
    let delta: EngineDelta?
    let requestsPerSecond: Double
    /// p50, p90 and p99 of the last seconds; nil if nothing was asked.
    let latencyUs: [Double?]
    let underWay: Int
    let streams: Int
    let viewers: Int

    // MARK: Its shape

    static let shape = ObjectShape(
        "LiveState", "All that the dashboard shows, at one moment. While the engine is away it is what was seen last.",
        open: true,
        [
            .init("time", .time, "By the engine's clock, which sales go by."),
            .init("version", .text, "Of this sidecar."),
            .init("engine", .object(engineShape), "Whether it answers."),
            .init("rates", .object(countersShape), "Per second, of the last one; null: not known.", nullable: true),
            .init("totals", .object(countersShape), "Since the start of the engine."),
            .init("requests", .object(requestsShape), "To this sidecar, over the last ten seconds."),
            .init("log", .object(logShape), "Of all shards, over the last second."),
            .init("shards", .objects(shardShape), "One each."),
            .init("sales", .objects(Sale.shape), "The 100 that matter most: open ones first, then the newest."),
            .init("salesCut", .flag, "Whether there are more."),
            .init("policies", .objects(Policy.shape), "Likewise."),
            .init("policiesCut", .flag, "Whether there are more."),
            .init(
                "mirror", .object(LiveMirror.shape), "The copy in Redis; missing if the engine has none.",
                optional: true),
        ])

    private static let engineShape = ObjectShape(
        "LiveEngine", "Whether the engine answers.", open: true,
        [
            .init("isAvailable", .flag, "Whether it answered just now."),
            .init("awaySince", .time, "When it was first missed; null: it is there.", nullable: true),
            .init("breaker", .choice(["closed", "open", "halfOpen"]), "Towards the engine."),
            .init("connections", .integer, "Of this sidecar to it."),
            .init("restarts", .integer, "Seen by this sidecar."),
            .init("sequence", .integer, "The last durable block of its log."),
            .init("retentionSeconds", .number, "How long ids are remembered."),
        ])

    private static let countersShape = ObjectShape(
        "LiveCounters", "What the engine did.", open: true,
        counters.map { .init("\($0.name)", .number, $0.about) })

    private static let requestsShape = ObjectShape(
        "LiveRequests", "What this sidecar answers, without pages, health and streams.", open: true,
        [
            .init("perSecond", .number, "Answers."),
            .init("p50Ms", .number, "Half of them took no longer; null: there were none.", nullable: true),
            .init("p90Ms", .number, "Nine in ten took no longer.", nullable: true),
            .init("p99Ms", .number, "99 in a hundred took no longer.", nullable: true),
            .init("underWay", .integer, "Now."),
            .init("streams", .integer, "Open now, with those of viewers."),
            .init("viewers", .integer, "Of this stream, now."),
        ])

    private static let logShape = ObjectShape(
        "LiveLog", "The log.", open: true,
        [
            .init("syncMs", .number, "From writing a block to its completion, on average; null: none.", nullable: true),
            .init("syncP50Ms", .number, "Half of all syncs took no longer; null: there were none.", nullable: true),
            .init("syncP99Ms", .number, "99 in a hundred took no longer.", nullable: true),
            .init("eventsPerSecond", .number, "Events."),
            .init("bytesPerSecond", .number, "Bytes."),
            .init("blocksPerSecond", .number, "Blocks."),
        ])

    private static let shardShape = ObjectShape(
        "LiveShard", "A shard.", open: true,
        [
            .init("shard", .integer, "From 0."),
            .init("connections", .integer, "Open now."),
            .init("openHolds", .integer, "Now."),
            .init("durableLag", .integer, "Bytes of the log that are written and not durable yet."),
            .init("turnsPerSecond", .number, "Rounds of its loop."),
            .init("framesPerSecond", .number, "Requests received."),
            .init("ordersPerSecond", .number, "Accepted."),
            .init("logEventsPerSecond", .number, "Events."),
            .init("logBytesPerSecond", .number, "Bytes."),
            .init("busyPerSecond", .number, "Answered busy."),
            .init("syncMs", .number, "Of its blocks; null: none were written.", nullable: true),
            .init("syncP50Ms", .number, "Of its syncs; null: there were none.", nullable: true),
            .init("syncP99Ms", .number, "Likewise.", nullable: true),
            .init("capacities", .objects(capacityShape), "How full its tables are."),
        ])

    private static let capacityShape = ObjectShape(
        "LiveCapacity", "How full a table is.",
        [
            .init("name", .text, "Such as orders."), .init("used", .integer, "Now."),
            .init("capacity", .integer, "At most."),
        ])

    // MARK: As JSON

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("time")
        json.time(timeMs)
        json.key("version")
        json.text(Version.current)
        json.key("engine")
        writeEngine(to: &json)
        json.key("rates")
        if let delta {
            json.object { json in
                for counter in Self.counters {
                    json.key(counter.name)
                    json.decimal(delta.perSecond(counter.path))
                }
            }
        } else {
            json.null()
        }
        json.key("totals")
        json.object { json in
            for counter in Self.counters {
                json.key(counter.name)
                json.number(reading?.sum(counter.path) ?? 0)
            }
        }
        json.key("requests")
        writeRequests(to: &json)
        json.key("log")
        writeLog(to: &json)
        json.key("shards")
        json.array { json in for shard in reading?.shards ?? [] { write(shard, to: &json) } }
        json.key("sales")
        json.array { json in for sale in reading?.sales.shown ?? [] { sale.write(to: &json) } }
        json.key("salesCut")
        json.flag(reading?.sales.isCut ?? false)
        json.key("policies")
        json.array { json in for policy in reading?.policies.shown ?? [] { policy.write(to: &json) } }
        json.key("policiesCut")
        json.flag(reading?.policies.isCut ?? false)
        if let mirror = reading?.mirror {
            json.key("mirror")
            LiveMirror(stats: mirror, writesPerSecond: delta?.mirrorWritesPerSecond).write(to: &json)
        }
        json.end()
    }

    private func writeEngine(to json: inout JSONWriter) {
        json.begin()
        json.key("isAvailable")
        json.flag(awaySinceMs == nil)
        json.key("awaySince")
        json.time(awaySinceMs)
        json.key("breaker")
        json.text("\(breaker)")
        json.key("connections")
        json.number(UInt64(connections))
        json.key("restarts")
        json.number(restarts)
        json.key("sequence")
        json.number(reading?.topology.sequence ?? 0)
        json.key("retentionSeconds")
        json.seconds(ms: reading?.topology.retainMs ?? 0)
        json.end()
    }

    private func writeRequests(to json: inout JSONWriter) {
        json.begin()
        json.key("perSecond")
        json.decimal(requestsPerSecond)
        for (name, us) in zip(["p50Ms", "p90Ms", "p99Ms"] as [StaticString], latencyUs) {
            json.key(name)
            json.decimal(us.map { $0 / 1000 })
        }
        json.key("underWay")
        json.number(UInt64(underWay))
        json.key("streams")
        json.number(UInt64(streams))
        json.key("viewers")
        json.number(UInt64(viewers))
        json.end()
    }

    private func writeLog(to json: inout JSONWriter) {
        json.begin()
        json.key("syncMs")
        json.decimal(delta?.syncMs())
        writeSyncPercentiles(nil, to: &json)
        json.key("eventsPerSecond")
        json.decimal(delta?.perSecond(\.logEvents) ?? 0)
        json.key("bytesPerSecond")
        json.decimal(delta?.perSecond(\.logBytes) ?? 0)
        json.key("blocksPerSecond")
        json.decimal(delta?.perSecond(\.logBlocks) ?? 0)
        json.end()
    }

    /// Of a shard, or of all.
    private func writeSyncPercentiles(_ shard: Int?, to json: inout JSONWriter) {
        let percentiles = delta?.syncPercentilesMs([0.5, 0.99], shard) ?? [nil, nil]
        for (name, ms) in zip(["syncP50Ms", "syncP99Ms"] as [StaticString], percentiles) {
            json.key(name)
            json.decimal(ms)
        }
    }

    private func write(_ shard: ShardStats, to json: inout JSONWriter) {
        json.begin()
        let numbers: [(StaticString, UInt64)] = [
            ("shard", UInt64(shard.shard)), ("connections", UInt64(shard.connections)),
            ("openHolds", shard.openHolds),
            ("durableLag", max(shard.writtenLSN, shard.durableLSN) - shard.durableLSN),
        ]
        for (name, value) in numbers {
            json.key(name)
            json.number(value)
        }
        let rates: [(StaticString, KeyPath<ShardStats, UInt64>)] = [
            ("turnsPerSecond", \.turns), ("framesPerSecond", \.frames), ("ordersPerSecond", \.ordersAccepted),
            ("logEventsPerSecond", \.logEvents), ("logBytesPerSecond", \.logBytes), ("busyPerSecond", \.busy),
        ]
        for (name, counter) in rates {
            json.key(name)
            json.decimal(delta?.perSecond(counter, shard.shard) ?? 0)
        }
        json.key("syncMs")
        json.decimal(delta?.syncMs(shard.shard))
        writeSyncPercentiles(shard.shard, to: &json)
        json.key("capacities")
        json.array { json in
            for (name, used, capacity) in shard.capacities {
                json.begin()
                json.key("name")
                json.plain(name)
                json.key("used")
                json.number(used)
                json.key("capacity")
                json.number(capacity)
                json.end()
            }
        }
        json.end()
    }

    // MARK: The counters

    private struct Counter: Sendable {
        let name: StaticString
        // A key path without captures may be shared.
        nonisolated(unsafe) let path: KeyPath<ShardStats, UInt64>
        let about: String

        init(_ name: StaticString, _ path: KeyPath<ShardStats, UInt64>, _ about: String) {
            self.name = name
            self.path = path
            self.about = about
        }
    }

    private static let counters: [Counter] = [
        Counter("ordersAccepted", \.ordersAccepted, "Orders."), Counter("ordersRefused", \.ordersRefused, "Orders."),
        Counter("confirms", \.confirms, "Orders."), Counter("cancels", \.cancels, "Orders."),
        Counter("expiries", \.expiries, "Orders whose hold ran out."),
        Counter("couponsIssued", \.couponsIssued, "Coupons."), Counter("couponUses", \.couponUses, "Coupons."),
        Counter("pointEarnings", \.pointEarnings, "Transactions of points."),
        Counter("pointUses", \.pointUses, "Transactions of points."),
        Counter("checkouts", \.checkoutsPlaced, "Checkouts."),
        Counter("busy", \.busy, "Entries that were answered busy."),
    ]
}

extension ShardStats {
    fileprivate var capacities: [(StaticString, UInt64, UInt64)] {
        [
            ("orders", ordersRemembered, ordersCapacity), ("users", usersKnown, usersCapacity),
            ("transactions", transactionsRemembered, transactionsCapacity),
            ("coupons", couponsRemembered, couponsCapacity),
            ("checkouts", checkoutsRemembered, checkoutsCapacity),
        ]
    }
}

extension JSONWriter {
    /// With at most three decimals.
    mutating func decimal(_ value: Double?) {
        guard let value, value.isFinite else { return null() }
        seconds(ms: UInt64(min(max(0, value), 1e15) * 1000 + 0.5))
    }
}

import Settings
import TimesaleClient

/// Counters of the engine and of this sidecar, for people and scripts.
enum StatsRoutes {
    static let shape = ObjectShape(
        "Stats", "Counters since the start of each process unless said otherwise.",
        [
            .init("version", .text, "Of this sidecar."),
            .init("retentionSeconds", .number, "How long ids, and so Idempotency-Keys, are remembered."),
            .init("engine", .object(engineShape), "What the engine says."),
            .init("sidecar", .object(sidecarShape), "What this process has done."),
        ])

    private static let engineShape = ObjectShape(
        "EngineStats", "What the engine says.", open: true,
        [
            .init("time", .time, "Its clock."), .init("sequence", .integer, "The last durable block of its log."),
            .init("shards", .objects(shardShape), "Its shards."),
        ])
    private static let shardShape = ObjectShape(
        "ShardStats", "The counters of a shard.", open: true, [.init("shard", .integer, "From 0.")])
    private static let sidecarShape = ObjectShape(
        "SidecarStats", "What this process has done.", open: true,
        [
            .init("requestsUnderWay", .integer, "Now."), .init("streams", .integer, "Open now."),
            .init("breaker", .choice(["closed", "open", "halfOpen"]), "Towards the engine, now."),
            .init("breakerOpenings", .integer, "How often the engine did not answer."),
            .init("engineConnections", .integer, "Now."), .init("engineRestarts", .integer, "Seen."),
            .init("routes", .objects(routeShape), "Those that were asked for."),
        ])
    private static let routeShape = ObjectShape(
        "RouteStats", "What was answered on a path.",
        [
            .init("method", .text, "Such as GET."), .init("path", .text, "Of the API."),
            .init("succeeded", .integer, "Requests."),
            .init("refused", .anything, "Requests by their code."),
        ])

    static let routes: [Route] = [
        Route(
            method: .get, path: "/v1/stats", about: "Counters of the engine and of this sidecar.", scope: .admin,
            answer: .object(shape), handler: stats)
    ]

    @Sendable static func stats(_ call: Call) async throws(Problem) -> Reply {
        let topology = try await call.engine { client throws(TimesaleError) in try await client.topology() }
        let shards = try await call.engine { client throws(TimesaleError) in try await client.stats() }
        let services = call.services
        return Reply { json in
            json.begin()
            json.key("version")
            json.text(Version.current)
            json.key("retentionSeconds")
            json.seconds(ms: topology.retainMs)
            json.key("engine")
            write(topology, shards, to: &json)
            json.key("sidecar")
            write(services, to: &json)
            json.end()
        }
    }

    private static func write(_ topology: Topology, _ shards: [ShardStats], to json: inout JSONWriter) {
        json.begin()
        json.key("time")
        json.time(topology.serverTimeMs)
        json.key("sequence")
        json.number(topology.sequence)
        json.key("shards")
        json.beginArray()
        for shard in shards {
            json.begin()
            for (name, value) in shard.counters {
                json.key(name)
                json.number(value)
            }
            json.key("logSyncs")
            json.beginArray()
            for count in shard.logSyncs.counts { json.number(count) }
            json.endArray()
            json.end()
        }
        json.endArray()
        json.end()
    }

    private static func write(_ services: Services, to json: inout JSONWriter) {
        let clients = services.lanes.map(\.client.status)
        json.begin()
        json.key("requestsUnderWay")
        json.number(UInt64(max(0, services.work.underWay)))
        json.key("streams")
        json.number(UInt64(max(0, services.feeds.streams)))
        json.key("breaker")
        json.text("\(services.breaker.state)")
        json.key("breakerOpenings")
        json.number(services.breaker.openedCount)
        json.key("engineConnections")
        json.number(UInt64(clients.reduce(0) { $0 + $1.connections }))
        json.key("engineRestarts")
        json.number(clients.reduce(0) { max($0, $1.restartsSeen) })
        json.key("routes")
        json.beginArray()
        let counted = services.statistics.snapshot().routes
        for (route, counts) in zip(RouteTable.routes, counted) where counts.succeeded > 0 || !counts.refused.isEmpty
        {
            json.begin()
            json.key("method")
            json.text(route.method.rawValue)
            json.key("path")
            json.text(route.path)
            json.key("succeeded")
            json.number(counts.succeeded)
            json.key("refused")
            json.begin()
            for (code, count) in counts.refused.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                json.key(code.name)
                json.number(count)
            }
            json.end()
            json.end()
        }
        json.endArray()
        json.end()
    }
}

extension ShardStats {
    /// Those that say how the shard is doing.
    fileprivate var counters: [(StaticString, UInt64)] {
        [
            ("shard", UInt64(shard)), ("connections", UInt64(connections)), ("frames", frames),
            ("ordersAccepted", ordersAccepted), ("ordersRefused", ordersRefused), ("confirms", confirms),
            ("cancels", cancels), ("expiries", expiries), ("extends", extends), ("busy", busy),
            ("logBytes", logBytes), ("logBlocks", logBlocks), ("logLatencyUs", logLatencyUs),
            ("durableLsn", durableLSN), ("ordersRemembered", ordersRemembered), ("ordersCapacity", ordersCapacity),
            ("usersKnown", usersKnown), ("usersCapacity", usersCapacity), ("openHolds", openHolds),
            ("pointEarnings", pointEarnings), ("pointUses", pointUses), ("couponsIssued", couponsIssued),
            ("couponUses", couponUses), ("checkoutsPlaced", checkoutsPlaced), ("refusedSoldOut", refusedSoldOut),
            ("refusedLimitExceeded", refusedLimitExceeded), ("refusedNotStarted", refusedNotStarted),
            ("refusedEnded", refusedEnded), ("refusedClosed", refusedClosed), ("refusedNotFound", refusedNotFound),
            ("refusedCapacity", refusedCapacity), ("refusedNoSpace", refusedNoSpace), ("logEvents", logEvents),
            ("logSyncUs", logSyncs.sumUs), ("logRoomBytes", logRoomBytes), ("cpuUs", cpuUs), ("meshBytes", meshBytes),
            ("openAssemblies", openAssemblies), ("repliesWaitingBytes", repliesWaitingBytes),
        ]
    }
}

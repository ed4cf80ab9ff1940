import TimesaleClient

/// What the engine counts, shard by shard. A number that `stats` answers with gets its line here, and one in
/// `docs/observability/README.md`.
enum EngineFamilies {
    static let up = ReadFamily<EngineScrape?>(
        MetricFamily("timesale_engine_up", .gauge, "1 if the engine answers.")
    ) { [Sample([], UInt64($0 == nil ? 0 : 1))] }

    static let all: [ReadFamily<EngineScrape>] =
        [
            ReadFamily(
                MetricFamily(
                    "timesale_engine_log_sequence", .gauge, "Position of the last durable block of the log."),
                one: \.sequence),
            ReadFamily(
                MetricFamily(
                    "timesale_engine_wall_clock_offset_seconds", .gauge,
                    "By how much the clock of the engine's machine is ahead of the engine's own; negative: behind.")
            ) { [Sample([], Double($0.wallClockOffsetMs) / 1000)] },
        ] + work + orders + log + tables + promotions

    private static let work: [ReadFamily<EngineScrape>] = [
        gauge("connections", "Connections.") { UInt64($0.connections) },
        counter("frames_total", "Requests received, of any operation.") { $0.frames },
        counter("received_bytes_total", "Bytes received from clients.") { $0.bytesReceived },
        counter("sent_bytes_total", "Bytes sent to clients.") { $0.bytesSent },
        counter("turns_total", "Rounds of the event loop.") { $0.turns },
        shard(
            "cpu_seconds_total", .counter,
            "CPU time that the shard's thread has worked for: its rate is the load of the shard, 1 at most."
        ) { .number(Double($0.cpuUs) / 1_000_000) },
        counter("forwarded_total", "Entries sent on to the shard that owns their user.") { $0.forwarded },
        counter("busy_total", "Entries answered BUSY.") { $0.busy },
        gauge("mesh_queue_bytes", "Messages of other shards that wait for this one.") { $0.meshBytes },
        gauge("split_requests", "Requests of which a part is with other shards.") { $0.openAssemblies },
        gauge("waiting_replies_bytes", "Replies that wait for the log.") { $0.repliesWaitingBytes },
    ]

    private static let orders: [ReadFamily<EngineScrape>] = [
        ReadFamily(
            MetricFamily(
                "timesale_engine_orders_total", .counter,
                "Orders decided, by code; those of accepted checkouts too, repeats not.", labels: ["shard", "code"])
        ) { scrape in
            scrape.shards.flatMap { shard in
                shard.ordersByCode.map { Sample(["\(shard.shard)", $0.code], $0.count) }
            }
        },
        counter(
            "order_ends_total", "Orders confirmed, cancelled and expired, those of checkouts too.", label: "end",
            [("confirmed", \.confirms), ("cancelled", \.cancels), ("expired", \.expiries)]),
        counter("order_extensions_total", "Holds that were extended.") { $0.extends },
        gauge("open_holds", "Orders that are held.") { $0.openHolds },
    ]

    private static let log: [ReadFamily<EngineScrape>] = [
        counter("log_events_total", "Events logged since the log was begun.") { $0.logEvents },
        counter("log_bytes_total", "Bytes of blocks written to the log.") { $0.logBytes },
        counter("log_blocks_total", "Blocks written to the log; events by blocks is the size of a group.") {
            $0.logBlocks
        },
        shard("log_write_seconds_total", .counter, "Time from submission to completion, over all blocks.") {
            .number(Double($0.logLatencyUs) / 1_000_000)
        },
        shard(
            "log_sync_duration_seconds", .histogram,
            "Time that it took to make the log durable: of each block with --fsync always, else of each sync."
        ) { shard in
            .histogram(
                bounds: LatencyHistogram.boundsUs.map { Double($0) / 1_000_000 }, counts: shard.logSyncs.counts,
                sum: Double(shard.logSyncs.sumUs) / 1_000_000)
        },
        gauge("log_room_bytes", "What the log may still grow by before orders get NO_SPACE.") { $0.logRoomBytes },
        gauge("log_lag_events", "Events that are not known durable yet.") {
            $0.logEvents - min($0.logEvents, $0.durableLSN)
        },
    ]

    private static let tables: [ReadFamily<EngineScrape>] = [
        gauge(
            "table_records", "Records in memory.", label: "table",
            [
                ("orders", \.ordersRemembered), ("users", \.usersKnown), ("transactions", \.transactionsRemembered),
                ("coupons", \.couponsRemembered), ("checkouts", \.checkoutsRemembered),
            ]),
        gauge(
            "table_capacity_records", "Records that fit into memory.", label: "table",
            [
                ("orders", \.ordersCapacity), ("users", \.usersCapacity), ("transactions", \.transactionsCapacity),
                ("coupons", \.couponsCapacity), ("checkouts", \.checkoutsCapacity),
            ]),
        gauge("tombstones", "Cancels of unknown orders that are remembered.") { $0.tombstones },
        counter(
            "retired_total", "Records that have left memory after the retention time.", label: "table",
            [
                ("orders", \.ordersRetired), ("tombstones", \.tombstonesRetired),
                ("transactions", \.transactionsRetired), ("coupons", \.couponsRetired),
                ("coupon_operations", \.couponOperationsRetired), ("checkouts", \.checkoutsRetired),
                ("offers", \.offersRetired),
            ]),
    ]

    private static let promotions: [ReadFamily<EngineScrape>] = [
        counter("coupons_issued_total", "Coupons issued.") { $0.couponsIssued },
        counter("coupon_uses_total", "Coupons used, in checkouts too.") { $0.couponUses },
        counter("coupon_restores_total", "Uses of coupons that were taken back.") { $0.couponRestores },
        counter("point_earnings_total", "Earnings of points, of checkouts too.") { $0.pointEarnings },
        counter("point_uses_total", "Uses of points, in checkouts too.") { $0.pointUses },
        counter("checkouts_placed_total", "Checkouts accepted.") { $0.checkoutsPlaced },
        counter(
            "checkout_ends_total", "Checkouts confirmed, cancelled and expired.", label: "end",
            [
                ("confirmed", \.checkoutConfirms), ("cancelled", \.checkoutCancels),
                ("expired", \.checkoutExpiries),
            ]),
    ]

    // MARK: Lines of these tables

    private typealias Count = KeyPath<ShardStats, UInt64> & Sendable

    private static func counter(
        _ name: String, _ help: String, _ value: @escaping @Sendable (ShardStats) -> UInt64
    ) -> ReadFamily<EngineScrape> {
        shard(name, .counter, help) { .count(value($0)) }
    }

    private static func gauge(
        _ name: String, _ help: String, _ value: @escaping @Sendable (ShardStats) -> UInt64
    ) -> ReadFamily<EngineScrape> {
        shard(name, .gauge, help) { .count(value($0)) }
    }

    private static func counter(
        _ name: String, _ help: String, label: String, _ parts: [(String, Count)]
    ) -> ReadFamily<EngineScrape> {
        split(name, .counter, help, label, parts)
    }

    private static func gauge(
        _ name: String, _ help: String, label: String, _ parts: [(String, Count)]
    ) -> ReadFamily<EngineScrape> {
        split(name, .gauge, help, label, parts)
    }

    /// One sample for each shard.
    private static func shard(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String,
        _ value: @escaping @Sendable (ShardStats) -> Sample.Value
    ) -> ReadFamily<EngineScrape> {
        ReadFamily(MetricFamily("timesale_engine_\(name)", kind, help, labels: ["shard"])) { scrape in
            scrape.shards.map { Sample(["\($0.shard)"], value($0)) }
        }
    }

    /// One for each shard and part.
    private static func split(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String, _ label: String, _ parts: [(String, Count)]
    ) -> ReadFamily<EngineScrape> {
        ReadFamily(MetricFamily("timesale_engine_\(name)", kind, help, labels: ["shard", label])) { scrape in
            scrape.shards.flatMap { shard in
                parts.map { Sample(["\(shard.shard)", $0.0], shard[keyPath: $0.1]) }
            }
        }
    }
}

extension ShardStats {
    fileprivate var ordersByCode: [(code: String, count: UInt64)] {
        let named = [
            ("SOLD_OUT", refusedSoldOut), ("LIMIT_EXCEEDED", refusedLimitExceeded), ("NOT_STARTED", refusedNotStarted),
            ("ENDED", refusedEnded), ("CLOSED", refusedClosed), ("NOT_FOUND", refusedNotFound),
            ("CAPACITY", refusedCapacity), ("NO_SPACE", refusedNoSpace),
        ]
        let others = ordersRefused - min(ordersRefused, named.reduce(0) { $0 + $1.1 })
        return [("OK", ordersAccepted)] + named.map { (code: $0.0, count: $0.1) } + [("OTHER", others)]
    }
}

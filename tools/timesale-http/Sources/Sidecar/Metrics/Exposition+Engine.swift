import TimesaleClient

extension Exposition {
    /// Nil: the engine does not answer, and nothing is known but that.
    mutating func write(_ engine: EngineReading?) {
        single("timesale_engine_up", .gauge, "1 if the engine answers.", engine == nil ? 0 : 1)
        guard let engine else { return }
        for row in Exposition.rows {
            family(row.name, row.kind, row.help)
            for shard in engine.shards { sample(row.name, [("shard", "\(shard.shard)")], row.value(shard)) }
        }
        let latency = "timesale_engine_log_write_seconds_total"
        family(latency, .counter, "Sum over blocks of the time from submission to completion.")
        for shard in engine.shards {
            sample(latency, [("shard", "\(shard.shard)")], Double(shard.logLatencyUs) / 1_000_000)
        }
        write(engine.sales, "sale", "timesale_sale_available", "Units that are durably free.", \.id.description, \.available)
        write(engine.sales, "sale", "timesale_sale_held", "Units that are held.", \.id.description, \.held)
        write(engine.sales, "sale", "timesale_sale_sold", "Units that are sold.", \.id.description, \.sold)
        let policies = engine.policies
        write(policies, "policy", "timesale_policy_remaining", "Coupons left.", \.id.description, \.remaining)
        write(policies, "policy", "timesale_policy_issued", "Coupons issued.", \.id.description, \.issued)
        write(policies, "policy", "timesale_policy_used", "Coupons used.", \.id.description, \.used)
    }

    private mutating func write<Value>(
        _ values: [Value], _ label: String, _ name: String, _ help: String, _ id: (Value) -> String,
        _ number: (Value) -> UInt64
    ) {
        family(name, .gauge, help)
        for value in values { sample(name, [(label, id(value))], number(value)) }
    }

    private struct Row: Sendable {
        let name: String
        let kind: Kind
        let help: String
        let value: @Sendable (ShardStats) -> UInt64

        init(_ name: String, _ kind: Kind, _ help: String, _ value: @escaping @Sendable (ShardStats) -> UInt64) {
            self.name = "timesale_engine_\(name)"
            self.kind = kind
            self.help = help
            self.value = value
        }
    }

    private static let rows: [Row] = [
        Row("connections", .gauge, "Connections of the shard.") { UInt64($0.connections) },
        Row("frames_total", .counter, "Frames received.") { $0.frames },
        Row("orders_accepted_total", .counter, "Orders accepted.") { $0.ordersAccepted },
        Row("orders_refused_total", .counter, "Orders refused.") { $0.ordersRefused },
        Row("confirms_total", .counter, "Orders confirmed.") { $0.confirms },
        Row("cancels_total", .counter, "Orders cancelled.") { $0.cancels },
        Row("expiries_total", .counter, "Holds that ran out.") { $0.expiries },
        Row("extends_total", .counter, "Holds extended.") { $0.extends },
        Row("forwarded_total", .counter, "Entries sent to another shard.") { $0.forwarded },
        Row("busy_total", .counter, "Entries answered BUSY.") { $0.busy },
        Row("log_events_total", .counter, "Events written to the log.") { $0.logEvents },
        Row("log_bytes_total", .counter, "Bytes of blocks written to the log.") { $0.logBytes },
        Row("log_blocks_total", .counter, "Blocks written to the log; events by blocks is the group size.") {
            $0.logBlocks
        },
        Row("turns_total", .counter, "Rounds of the event loop.") { $0.turns },
        Row("received_bytes_total", .counter, "Bytes received.") { $0.bytesReceived },
        Row("sent_bytes_total", .counter, "Bytes sent.") { $0.bytesSent },
        Row("orders_remembered", .gauge, "Orders in memory.") { $0.ordersRemembered },
        Row("orders_capacity", .gauge, "Orders that fit into memory.") { $0.ordersCapacity },
        Row("users_known", .gauge, "Users in memory.") { $0.usersKnown },
        Row("users_capacity", .gauge, "Users that fit into memory.") { $0.usersCapacity },
        Row("open_holds", .gauge, "Orders that are held.") { $0.openHolds },
        Row("tombstones", .gauge, "Cancels of unknown orders that are remembered.") { $0.tombstones },
        Row("point_earnings_total", .counter, "Earnings of points.") { $0.pointEarnings },
        Row("point_uses_total", .counter, "Uses of points.") { $0.pointUses },
        Row("transactions_remembered", .gauge, "Transactions of points in memory.") { $0.transactionsRemembered },
        Row("transactions_capacity", .gauge, "Transactions that fit into memory.") { $0.transactionsCapacity },
        Row("coupons_issued_total", .counter, "Coupons issued.") { $0.couponsIssued },
        Row("coupon_uses_total", .counter, "Coupons used.") { $0.couponUses },
        Row("coupon_restores_total", .counter, "Coupons restored.") { $0.couponRestores },
        Row("coupons_remembered", .gauge, "Coupons in memory.") { $0.couponsRemembered },
        Row("coupons_capacity", .gauge, "Coupons that fit into memory.") { $0.couponsCapacity },
        Row("checkouts_placed_total", .counter, "Checkouts accepted.") { $0.checkoutsPlaced },
        Row("checkouts_remembered", .gauge, "Checkouts in memory.") { $0.checkoutsRemembered },
        Row("checkouts_capacity", .gauge, "Checkouts that fit into memory.") { $0.checkoutsCapacity },
        Row("orders_retired_total", .counter, "Orders that have left memory.") { $0.ordersRetired },
        Row("transactions_retired_total", .counter, "Transactions that have left memory.") { $0.transactionsRetired },
        Row("coupons_retired_total", .counter, "Coupons that have left memory.") { $0.couponsRetired },
        Row("checkouts_retired_total", .counter, "Checkouts that have left memory.") { $0.checkoutsRetired },
    ]
}

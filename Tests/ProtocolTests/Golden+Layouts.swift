import Protocol
import TestSupport

/// What can be made from the fields of a golden frame.
protocol GoldenLayout: WireStruct {
    init(fields: inout GoldenFields) throws
}

/// Every entry and result under the name that it has in the documentation.
let goldenLayouts: [String: any GoldenLayout.Type] = [
    "HandshakeEntry": HandshakeEntry.self, "TopologyResult": TopologyResult.self, "PingEntry": PingEntry.self,
    "PingResult": PingResult.self, "SnapshotResult": SnapshotResult.self, "MirrorResult": MirrorResult.self,
    "TailEntry": TailEntry.self,
    "TailResult": TailResult.self, "ShardStatsResult": ShardStatsResult.self,
    "CreateSaleEntry": CreateSaleEntry.self, "OfferIdEntry": OfferIdEntry.self,
    "RestockEntry": RestockEntry.self, "ListOffersEntry": ListOffersEntry.self,
    "SaleResult": SaleResult.self, "OrderEntry": OrderEntry.self, "OrderResult": OrderResult.self,
    "OrderIdEntry": OrderIdEntry.self, "ExtendEntry": ExtendEntry.self,
    "ListUserOrdersEntry": ListUserOrdersEntry.self, "OrderViewResult": OrderViewResult.self,
    "ListSaleOrdersEntry": ListSaleOrdersEntry.self, "SaleOrderResult": SaleOrderResult.self,
    "EarnEntry": EarnEntry.self, "UsePointsEntry": UsePointsEntry.self, "PointResult": PointResult.self,
    "TransactionIdEntry": TransactionIdEntry.self, "TransactionViewResult": TransactionViewResult.self,
    "UserEntry": UserEntry.self, "BalanceResult": BalanceResult.self,
    "CreatePolicyEntry": CreatePolicyEntry.self, "PolicyResult": PolicyResult.self,
    "IssueCouponEntry": IssueCouponEntry.self, "CouponResult": CouponResult.self,
    "UseCouponEntry": UseCouponEntry.self, "RestoreCouponEntry": RestoreCouponEntry.self,
    "CouponIdEntry": CouponIdEntry.self, "ListUserCouponsEntry": ListUserCouponsEntry.self,
    "CouponViewResult": CouponViewResult.self,
    "PlaceCheckoutEntry": PlaceCheckoutEntry.self, "CheckoutIdEntry": CheckoutIdEntry.self,
    "CheckoutResult": CheckoutResult.self,
]

extension HandshakeEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            versionMin: try fields.take("versionMin"), versionMax: try fields.take("versionMax"),
            shard: try fields.take("shard"), token: try fields.takeName("token"))
    }
}

extension TopologyResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), version: try fields.take("version"), shard: try fields.take("shard"),
            shards: try fields.take("shards"), frameSizeMaxBytes: try fields.take("frameSizeMaxBytes"),
            batchCountMax: try fields.take("batchCountMax"), instance: try fields.take("instance"),
            nowMs: try fields.take("nowMs"), retainMs: try fields.take("retainMs"),
            inFlightMaxBytes: try fields.take("inFlightMaxBytes"), admin: try fields.take("admin"),
            sequence: try fields.take("sequence"))
    }
}

extension PingEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(nonce: try fields.take("nonce")) }
}

extension PingResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), wallClockOffsetMs: Int32(bitPattern: try fields.take("wallClockOffsetMs")),
            nonce: try fields.take("nonce"), nowMs: try fields.take("nowMs"))
    }
}

extension TailEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            afterSequence: try fields.take("afterSequence"), afterIndex: try fields.take("afterIndex"),
            waitMs: try fields.take("waitMs"), limit: try fields.take("limit"))
    }
}

extension TailResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        let event = Golden.bytes(try fields.takeText("event"))
        self.init(
            code: try fields.takeCode(), shard: try fields.take("shard"), index: try fields.take("index"),
            sequence: try fields.take("sequence"),
            event: event.withUnsafeBytes { bytes in
                bytes.baseAddress.map { EventBytes($0, count: bytes.count) } ?? EventBytes()
            })
    }
}

extension SnapshotResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), sequence: try fields.take("sequence"), digest: try fields.take("digest"),
            recordCount: try fields.take("recordCount"), size: try fields.take("size"),
            durationMs: try fields.take("durationMs"))
    }
}

extension MirrorResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"),
            sequence: try fields.take("sequence"),
            eventSequence: try fields.take("eventSequence"),
            lagEvents: try fields.take("lagEvents"),
            lagBytes: try fields.take("lagBytes"),
            lagMs: try fields.take("lagMs"),
            writes: try fields.take("writes"),
            flushes: try fields.take("flushes"),
            errors: try fields.take("errors"),
            rewrites: try fields.take("rewrites"),
            repairs: try fields.take("repairs"),
            eventsWritten: try fields.take("eventsWritten"),
            eventGaps: try fields.take("eventGaps"))
    }
}

extension ShardStatsResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), shard: try fields.take("shard"),
            connections: try fields.take("connections"), frames: try fields.take("frames"),
            ordersAccepted: try fields.take("ordersAccepted"),
            ordersRefused: try fields.take("ordersRefused"),
            confirms: try fields.take("confirms"), cancels: try fields.take("cancels"),
            expiries: try fields.take("expiries"), extends: try fields.take("extends"),
            forwarded: try fields.take("forwarded"), busy: try fields.take("busy"),
            logEvents: try fields.take("logEvents"), logBytes: try fields.take("logBytes"),
            logBlocks: try fields.take("logBlocks"), writtenLsn: try fields.take("writtenLsn"),
            durableLsn: try fields.take("durableLsn"), logLatencyUs: try fields.take("logLatencyUs"),
            ordersRemembered: try fields.take("ordersRemembered"),
            ordersCapacity: try fields.take("ordersCapacity"), usersKnown: try fields.take("usersKnown"),
            usersCapacity: try fields.take("usersCapacity"), openHolds: try fields.take("openHolds"),
            tombstones: try fields.take("tombstones"), bytesReceived: try fields.take("bytesReceived"),
            bytesSent: try fields.take("bytesSent"), turns: try fields.take("turns"),
            pointEarnings: try fields.take("pointEarnings"), pointUses: try fields.take("pointUses"),
            transactionsRemembered: try fields.take("transactionsRemembered"),
            transactionsCapacity: try fields.take("transactionsCapacity"),
            couponsIssued: try fields.take("couponsIssued"),
            couponUses: try fields.take("couponUses"),
            couponRestores: try fields.take("couponRestores"),
            couponsRemembered: try fields.take("couponsRemembered"),
            couponsCapacity: try fields.take("couponsCapacity"),
            checkoutsPlaced: try fields.take("checkoutsPlaced"),
            checkoutConfirms: try fields.take("checkoutConfirms"),
            checkoutCancels: try fields.take("checkoutCancels"),
            checkoutExpiries: try fields.take("checkoutExpiries"),
            checkoutsRemembered: try fields.take("checkoutsRemembered"),
            checkoutsCapacity: try fields.take("checkoutsCapacity"),
            ordersRetired: try fields.take("ordersRetired"),
            tombstonesRetired: try fields.take("tombstonesRetired"),
            transactionsRetired: try fields.take("transactionsRetired"),
            couponsRetired: try fields.take("couponsRetired"),
            couponOperationsRetired: try fields.take("couponOperationsRetired"),
            checkoutsRetired: try fields.take("checkoutsRetired"),
            offersRetired: try fields.take("offersRetired"),
            refusedSoldOut: try fields.take("refusedSoldOut"),
            refusedLimitExceeded: try fields.take("refusedLimitExceeded"),
            refusedNotStarted: try fields.take("refusedNotStarted"),
            refusedEnded: try fields.take("refusedEnded"),
            refusedClosed: try fields.take("refusedClosed"),
            refusedNotFound: try fields.take("refusedNotFound"),
            refusedCapacity: try fields.take("refusedCapacity"),
            refusedNoSpace: try fields.take("refusedNoSpace"),
            cpuUs: try fields.take("cpuUs"),
            meshBytes: try fields.take("meshBytes"),
            repliesWaitingBytes: try fields.take("repliesWaitingBytes"),
            openAssemblies: try fields.take("openAssemblies"),
            logRoomBytes: try fields.take("logRoomBytes"),
            logSyncUs: try fields.take("logSyncUs"),
            logSyncs: try fields.takeCounts("logSyncs"))
    }
}

extension CreateSaleEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            operationId: try fields.takeId("operationId"), saleId: try fields.take("saleId"),
            stock: try fields.take("stock"), startsAtMs: try fields.take("startsAtMs"),
            endsAtMs: try fields.take("endsAtMs"), perUserLimit: try fields.take("perUserLimit"),
            holdMs: try fields.take("holdMs"), unitPrice: try fields.take("unitPrice"),
            name: try fields.takeName("name"))
    }
}

extension OfferIdEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(offerId: try fields.take("offerId")) }
}

extension RestockEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            operationId: try fields.takeId("operationId"), offerId: try fields.take("offerId"),
            quantity: try fields.take("quantity"))
    }
}

extension ListOffersEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            after: try fields.take("after"), limit: try fields.take("limit"),
            stateMask: try fields.take("stateMask"))
    }
}

extension SaleResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            perUserLimit: try fields.take("perUserLimit"), saleId: try fields.take("saleId"),
            stock: try fields.take("stock"), available: try fields.take("available"),
            held: try fields.take("held"), sold: try fields.take("sold"),
            startsAtMs: try fields.take("startsAtMs"), endsAtMs: try fields.take("endsAtMs"),
            unitPrice: try fields.take("unitPrice"), createdAtMs: try fields.take("createdAtMs"),
            holdMs: try fields.take("holdMs"), name: try fields.takeName("name"))
    }
}

extension OrderEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            orderId: try fields.takeId("orderId"), userId: try fields.takeId("userId"),
            saleId: try fields.take("saleId"), quantity: try fields.take("quantity"))
    }
}

extension OrderResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            quantity: try fields.take("quantity"), createdAtMs: try fields.take("createdAtMs"),
            expiresAtMs: try fields.take("expiresAtMs"))
    }
}

extension OrderIdEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(orderId: try fields.takeId("orderId")) }
}

extension ExtendEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(orderId: try fields.takeId("orderId"), deadlineMs: try fields.take("deadlineMs"))
    }
}

extension ListUserOrdersEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            userId: try fields.takeId("userId"), after: try fields.takeId("after"),
            limit: try fields.take("limit"))
    }
}

extension ListSaleOrdersEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            saleId: try fields.take("saleId"), after: SaleOrdersPosition(rawValue: try fields.take("after")),
            limit: try fields.take("limit"))
    }
}

extension SaleOrderResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            order: try OrderViewResult(fields: &fields),
            position: SaleOrdersPosition(rawValue: try fields.take("position")))
    }
}

extension OrderViewResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            quantity: try fields.take("quantity"), orderId: try fields.takeId("orderId"),
            userId: try fields.takeId("userId"), saleId: try fields.take("saleId"),
            createdAtMs: try fields.take("createdAtMs"), expiresAtMs: try fields.take("expiresAtMs"))
    }
}

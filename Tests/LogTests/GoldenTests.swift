import CAtomics
import Foundation
import Protocol
import SimulatedStorage
import Testing

@testable import Engine
@testable import Log

/// The bytes of `docs/log-golden.json`, which another implementation wrote from the page alone: the engine logs
/// them, the writer seals them, the reader reads them.
@Suite struct GoldenTests {
    struct Golden: Decodable {
        struct Event: Decodable {
            var kind: String
            var hex: String
            var bytes: [UInt8] { GoldenTests.bytes(hex) }
        }
        struct Block: Decodable {
            var shard: UInt16
            var shards: UInt16
            var generation: UInt64
            var logId: UInt64
            var segment: UInt64
            var firstLsn: UInt64
            var sequence: UInt64
            var durableLsn: UInt64
            var timeMs: UInt64
            var lengthBytes: Int
            var previousChecksum: UInt32
            var headerChecksum: UInt32
            var hex: String
            /// With its zeros.
            var bytes: [UInt8] {
                let bytes = GoldenTests.bytes(hex)
                return bytes + [UInt8](repeating: 0, count: lengthBytes - bytes.count)
            }
        }
        var events: [Event]
        var records: [Event]
        var logBlock: Block
        /// Events in full, and the block that has them with short orders.
        var rush: [String]
        var rushBlock: Block
        var snapshotBlocks: [Block]
        var manifest: String
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)!
        }
    }

    let golden: Golden

    init() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/log-golden.json")
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: page))
    }

    @Test func everyKindIsThere() {
        let kinds = Set((golden.events + golden.records).map(\.kind))
        #expect(kinds == Set(EventKind.allCases.map { "\($0)" }))
        for event in golden.events + golden.records {
            let kind = event.bytes.withUnsafeBytes { try? EventKind.read($0) }
            #expect(kind.map { "\($0)" } == event.kind)
        }
    }

    @Test func blocksAreSealedAlike() {
        for (block, events) in [
            (golden.logBlock, golden.events), (golden.snapshotBlocks[0], golden.records),
            (golden.snapshotBlocks[1], []),
        ] {
            let body = events.flatMap(\.bytes)
            var bytes = [UInt8](repeating: 0, count: block.lengthBytes)
            bytes.replaceSubrange(BlockHeader.sizeBytes..<(BlockHeader.sizeBytes + body.count), with: body)
            let header = BlockHeader(
                shard: block.shard, shards: block.shards, lengthBytes: block.lengthBytes,
                eventsBytes: body.count,
                previousChecksum: block.previousChecksum, generation: block.generation, logId: block.logId,
                segment: block.segment, firstLsn: block.firstLsn, eventCount: events.count,
                sequence: block.sequence,
                durableLsn: block.durableLsn, timeMs: block.timeMs)
            let checksum = bytes.withUnsafeMutableBytes { header.seal($0.baseAddress!) }
            #expect(checksum == block.headerChecksum)
            #expect(bytes == block.bytes)
            block.bytes.withUnsafeBytes {
                #expect(BlockHeader.isIntact($0.baseAddress!))
                var read = BlockHeader($0.baseAddress!)
                #expect(read.bodyIsIntact($0.baseAddress!))
                #expect(read.headerChecksum == checksum)
                (read.headerChecksum, read.bodyChecksum) = (0, 0)
                #expect(read == header)
            }
        }
    }

    @Test func theManifestIsTheSame() throws {
        let manifest = Manifest(
            generation: 4, nextLogId: 9, segmentSizeBytes: 1 << 26, logs: [7, 8],
            bases: [
                .init(
                    snapshot: LogFiles.snapshot(generation: 4, sequence: 812), sequence: 812,
                    digest: 0x8f3b_9d2c_61a7_0e54, starts: [.beginning, .beginning]),
                .init(
                    snapshot: LogFiles.snapshot(generation: 4, sequence: 90210), sequence: 90210,
                    digest: 0x0123_4567_89ab_cdef, starts: [
                        LogPosition(
                            segment: 3, offsetBytes: 8192, nextLsn: 70001, previousChecksum: 0x1a2b_3c4d),
                        LogPosition(segment: 2, offsetBytes: 0, nextLsn: 65121, previousChecksum: 0x5e6f_7a8b),
                    ]),
            ], removed: [.init(from: 90311, until: 90402)])
        #expect(manifest.text == golden.manifest)
        #expect(try Manifest(text: golden.manifest) == manifest)
    }

    /// The snapshot blocks of the page, as a file, are a snapshot.
    @Test func theSnapshotIsReadAndKeptAlike() throws {
        let storage = SimulatedStorage()
        let manifest = try Manifest(text: golden.manifest)
        storage.place(LogFiles.manifest, Array(golden.manifest.utf8))
        storage.place(manifest.bases[0].snapshot!, golden.snapshotBlocks.flatMap(\.bytes))
        for log in manifest.logs { storage.place(LogFiles.segment(log: log, number: 1), []) }
        let directory = try LogDirectory(storage: storage)
        let replay = try Replay(
            directory, manifest: manifest, base: manifest.bases[0], configuration: LogRig.configuration(shards: 1),
            memory: .zeroed,
            nowMs: 0)
        var records: [[UInt8]] = []
        replay.engines[0].keepCatalogue { _, record in records.append(Array(record)) }
        replay.engines[0].keepPartitions { _, record in records.append(Array(record)) }
        #expect(records == golden.records.map(\.bytes))
    }

    /// What the engine logs for these operations is what the page says.
    @Test func theEngineLogsThem() throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 8192, alignment: 8)
        let events = UnsafeMutablePointer<EventBuffer>.allocate(capacity: 1)
        defer {
            memory.deallocate()
            events.deallocate()
        }
        events.initialize(to: EventBuffer(base: memory, capacityBytes: 8192, nextLsn: 101))
        let start: UInt64 = 1_767_225_600_000
        var configuration = LogRig.configuration(shards: 1).engineConfiguration(shard: 0)
        configuration.retainMs = 1 << 40
        var engine = Engine(
            configuration: configuration,
            counters: StockCounters(sales: 17, shards: 1, memory: .zeroed), events: events, memory: .zeroed,
            nowMs: start)
        let result = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 8)
        let entry = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 8)
        defer {
            result.deallocate()
            entry.deallocate()
        }
        func run(_ operation: Protocol.Operation, _ nowMs: UInt64) {
            var batch = Batch(operation: operation, entries: entry, count: 1, results: result)
            var allowance = 10
            var progress = engine.run(&batch, allowance: &allowance, nowMs: nowMs)
            if progress == .takesUnits {
                // Of several sales at once.
                var take = engine.take()
                var answer = take.step()
                while answer == .again { answer = take.step() }
                engine.settle(&batch, isTaken: answer == .taken, failed: take.failed, nowMs: nowMs)
                progress = engine.run(&batch, allowance: &allowance, nowMs: nowMs)
            }
            #expect(progress == .finished)
            #expect(result.loadLE(0, as: UInt16.self) == ResultCode.ok.rawValue)
        }
        func order(_ user: UInt64, _ random: UInt64, _ quantity: UInt32, _ nowMs: UInt64) {
            OrderEntry(orderId: id(user, random), userId: Id128(user), saleId: 7, quantity: quantity).store(
                to: entry)
            run(.order, nowMs)
        }
        func change(_ operation: Protocol.Operation, _ user: UInt64, _ random: UInt64, _ nowMs: UInt64) {
            OrderIdEntry(orderId: id(user, random)).store(to: entry)
            run(operation, nowMs)
        }
        func earn(
            _ user: UInt64, _ random: UInt64, _ amount: UInt32, expiresAtMs: UInt64, _ reason: String, _ nowMs: UInt64
        ) {
            EarnEntry(
                transactionId: id(user, random), userId: Id128(user), expiresAtMs: expiresAtMs, amount: amount,
                reason: Reason(reason)!
            ).store(to: entry)
            run(.earnPoints, nowMs)
        }
        func use(_ random: UInt64, order: Id128, amount: UInt64, _ nowMs: UInt64) {
            UseCouponEntry(
                useId: id(42, random), couponId: id(42, 11), userId: Id128(42), orderId: order,
                purchaseAmount: amount
            ).store(to: entry)
            run(.useCoupon, nowMs)
        }
        func checkout(_ operation: Protocol.Operation, _ user: UInt64, _ random: UInt64, _ nowMs: UInt64) {
            CheckoutIdEntry(checkoutId: id(user, random)).store(to: entry)
            run(operation, nowMs)
        }
        func lines(_ lines: (sale: UInt64, quantity: UInt32)...) -> CheckoutLines {
            CheckoutLines(lines.map { CheckoutLine(saleId: $0.sale, quantity: $0.quantity) })!
        }
        func id(_ user: UInt64, _ random: UInt64) -> Id128 {
            .version7(timeMs: start, partition: Partition.of(user: Id128(user)), random: random)
        }
        func catalogueId(_ random: UInt64) -> Id128 {
            .version7(timeMs: start, partition: Partition.catalogue, random: random)
        }
        CreateSaleEntry(
            operationId: catalogueId(1), saleId: 7, stock: 1000, startsAtMs: start,
            endsAtMs: start + 86_400_000,
            perUserLimit: 2, holdMs: 600_000, unitPrice: 4990, name: Name("Launch day")!
        ).store(to: entry)
        _ = engine.runCatalogue(.createSale, entry, result: result, nowMs: start + 500)
        engine.openOffer(slot: 1, units: 1000)
        engine.publishOffer(slot: 1)
        order(42, 2, 2, start + 1000)
        change(.confirm, 42, 2, start + 2000)
        order(1, 3, 1, start + 3000)
        let extended = start + 700_000
        ExtendEntry(orderId: id(1, 3), deadlineMs: extended).store(to: entry)
        run(.extend, start + 4000)
        let isDone = engine.expireHolds(nowMs: extended, limit: 10)
        #expect(isDone)
        engine.releaseUnits(durableLsn: UInt64.max)
        change(.confirm, 1, 3, extended + 1000)
        change(.cancel, 1, 3, extended + 2000)
        change(.cancel, 2, 4, extended + 3000)
        order(3, 5, 1, extended + 4000)
        engine.graceHolds(notBeforeMs: extended + 2_000_000, nowMs: extended + 5000)
        RestockEntry(operationId: catalogueId(6), offerId: 7, quantity: 500).store(to: entry)
        _ = engine.runCatalogue(.restockSale, entry, result: result, nowMs: extended + 6000)
        OfferIdEntry(offerId: 7).store(to: entry)
        _ = engine.runCatalogue(.closeSale, entry, result: result, nowMs: extended + 7000)
        let earned = extended + 8000
        earn(42, 7, 500, expiresAtMs: earned + 86_400_000, "welcome", earned)
        UsePointsEntry(transactionId: id(42, 8), userId: Id128(42), amount: 120).store(to: entry)
        run(.usePoints, earned + 1000)
        earn(1, 9, 30, expiresAtMs: 0, "", earned + 2000)
        TransactionIdEntry(transactionId: id(1, 9)).store(to: entry)
        run(.cancelTransaction, earned + 3000)
        let claimed = earned + 10_000
        CreatePolicyEntry(
            operationId: catalogueId(10), policyId: 7, quantity: 500, validFromMs: start,
            validUntilMs: start + 30 * 86_400_000, discountValue: 15, maxDiscount: 20_000, minPurchase: 10_000,
            perUserLimit: 1, discountKind: DiscountKind.percent.rawValue, name: Name("15% off")!
        ).store(to: entry)
        _ = engine.runCatalogue(.createPolicy, entry, result: result, nowMs: claimed)
        engine.openOffer(slot: 2, units: 500)
        engine.publishOffer(slot: 2)
        IssueCouponEntry(couponId: id(42, 11), userId: Id128(42), policyId: 7).store(to: entry)
        run(.issueCoupon, claimed + 1000)
        use(12, order: id(42, 2), amount: 124_999, claimed + 2000)
        RestoreCouponEntry(restoreId: id(42, 13), couponId: id(42, 11), userId: Id128(42)).store(to: entry)
        run(.restoreCoupon, claimed + 3000)
        use(14, order: .zero, amount: 10_000, claimed + 4000)
        RestockEntry(operationId: catalogueId(15), offerId: 7, quantity: 100).store(to: entry)
        _ = engine.runCatalogue(.restockPolicy, entry, result: result, nowMs: claimed + 5000)
        OfferIdEntry(offerId: 7).store(to: entry)
        _ = engine.runCatalogue(.closePolicy, entry, result: result, nowMs: claimed + 6000)
        let bought = claimed + 10_000
        func publish() -> UInt32 {
            let slot = UInt32(engine.offersKnown)
            engine.openOffer(slot: slot, units: 5)
            engine.publishOffer(slot: slot)
            return slot
        }
        func sell(_ sale: UInt64, _ name: String, stock: UInt64, price: UInt64, holdMs: UInt32) {
            CreateSaleEntry(
                operationId: catalogueId(sale + 8), saleId: sale, stock: stock, startsAtMs: 0, endsAtMs: 0,
                perUserLimit: 0, holdMs: holdMs, unitPrice: price, name: Name(name)!
            ).store(to: entry)
            _ = engine.runCatalogue(.createSale, entry, result: result, nowMs: bought)
            let slot = UInt32(engine.offersKnown)
            engine.openOffer(slot: slot, units: stock)
            engine.publishOffer(slot: slot)
        }
        sell(8, "Book", stock: 50, price: 2500, holdMs: 600_000)
        sell(9, "Lamp", stock: 20, price: 4000, holdMs: 300_000)
        CreateSaleEntry(
            operationId: catalogueId(18), saleId: 10, stock: 5, startsAtMs: 0, endsAtMs: 0, perUserLimit: 0, holdMs: 0,
            unitPrice: 1500, name: Name("Shirt")!
        ).store(to: entry)
        _ = engine.runCatalogue(.createSale, entry, result: result, nowMs: bought)
        let shirt = publish()
        OfferIdEntry(offerId: 10).store(to: entry)
        _ = engine.runCatalogue(.closeSale, entry, result: result, nowMs: bought)
        engine.stopOffer(slot: shirt, closedAtMs: bought)
        CreatePolicyEntry(
            operationId: catalogueId(21), policyId: 8, quantity: 5, validFromMs: 0, validUntilMs: 0, discountValue: 500,
            maxDiscount: 0, minPurchase: 0, perUserLimit: 0, discountKind: DiscountKind.fixed.rawValue,
            name: Name("5 off")!
        ).store(to: entry)
        _ = engine.runCatalogue(.createPolicy, entry, result: result, nowMs: bought)
        let gifts = publish()
        OfferIdEntry(offerId: 8).store(to: entry)
        _ = engine.runCatalogue(.closePolicy, entry, result: result, nowMs: bought)
        engine.stopOffer(slot: gifts, closedAtMs: bought)
        RestoreCouponEntry(restoreId: id(42, 18), couponId: id(42, 11), userId: Id128(42)).store(to: entry)
        run(.restoreCoupon, bought + 1000)
        PlaceCheckoutEntry(
            checkoutId: id(42, 19), userId: Id128(42), couponId: id(42, 11), earnExpiresAtMs: earned + 86_400_000,
            usePoints: 100, earnPoints: 98, lineCount: 3, lines: lines((8, 1), (9, 1), (8, 2))
        ).store(to: entry)
        run(.placeCheckout, bought + 2000)
        checkout(.confirmCheckout, 42, 19, bought + 3000)
        PlaceCheckoutEntry(
            checkoutId: id(3, 20), userId: Id128(3), lineCount: 1, lines: lines((8, 1))
        ).store(to: entry)
        run(.placeCheckout, bought + 4000)
        let isExpired = engine.expireHolds(nowMs: bought + 604_000, limit: 10)
        #expect(isExpired)
        engine.releaseUnits(durableLsn: UInt64.max)
        checkout(.confirmCheckout, 3, 20, bought + 605_000)
        checkout(.cancelCheckout, 3, 20, bought + 606_000)
        let far = bought + (1 << 41)
        while engine.retire(nowMs: far, budget: 1000) {
            let offer = engine.takeRetirableOffer()
            if offer != 0 { _ = engine.retireOffer(slot: offer, nowMs: far) }
        }

        let logged = Array(UnsafeRawBufferPointer(start: memory, count: events.pointee.usedBytes))
        #expect(logged == golden.events.flatMap(\.bytes))
        #expect(events.pointee.nextLsn == 101 + UInt64(golden.events.count))
    }
}

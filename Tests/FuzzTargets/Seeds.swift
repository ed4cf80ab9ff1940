import Engine
import Foundation
import FuzzEngine
import Fuzzing
import Log
import Protocol
import SimulatedStorage

/// Inputs to begin with: a day in the life of a small shop, as frames, as the replies to them, as the log that they
/// leave and as the snapshot of that. `fuzz seeds DIR` writes them; what is in `Tests/Corpus` under the same names was
/// written so.
public enum Seeds {
    /// Name and bytes by target.
    public static func all() -> [(target: String, name: String, bytes: [UInt8])] {
        var seeds: [(target: String, name: String, bytes: [UInt8])] = []
        let shop = Shop()
        for (name, frames) in shop.days {
            let stream = frames.flatMap { $0 }
            for shards in [0, 1] as [UInt8] {
                seeds.append(("frames", "\(name)-\(shards + 1)", [2 | 4 | shards] + stream))
            }
            let shards = FuzzShards(shards: 1)
            for frame in frames {
                frame.withUnsafeBytes { bytes in
                    let header = FrameHeader(bytes.baseAddress!)
                    shards.nowMs += (header.requestId >> 48) * 100
                    _ = shards.begin(bytes, on: 0, isAdmin: true)
                }
                shards.settle()
            }
            seeds += replies(shards, name) + files(shards, name)
        }
        return seeds
    }

    private static func replies(_ shards: FuzzShards, _ name: String) -> [(String, String, [UInt8])] {
        var seen: Set<UInt8> = []
        return shards.replies.compactMap { reply in
            guard let operation = Operation(rawValue: reply.header.operation), seen.insert(operation.rawValue).inserted,
                let place = RepliesTarget.operations.firstIndex(of: operation), reply.body.count < 3000
            else { return nil }
            var frame = [UInt8](repeating: 0, count: Frame.headerSizeBytes) + reply.body
            frame.withUnsafeMutableBytes { bytes in
                FrameHeader.seal(
                    bytes.baseAddress!, operation: operation.rawValue, status: reply.header.status, requestId: 0,
                    count: reply.header.count, lengthBytes: bytes.count, flags: reply.header.flags)
            }
            return ("replies", "\(name)-\(operation)", [3, UInt8(place), 128] + frame)
        }
    }

    private static func files(_ shards: FuzzShards, _ name: String) -> [(String, String, [UInt8])] {
        var seeds: [(String, String, [UInt8])] = []
        let storage = shards.storage
        if let segment = storage.contents(LogFiles.segment(log: 1, number: 1)) {
            seeds.append(("log", name, PackedBlocks.pack(segment, PackedBlocks.all)))
        }
        let memory = FuzzMemory()
        let state = try? Recovery.recover(
            storage: storage, configuration: FuzzShards.configuration(shards: 2), memory: memory.source,
            nowMs: shards.nowMs, note: { _ in })
        state?.release()
        if let file = storage.fileNames.first(where: { LogFiles.parseSnapshot($0) != nil }),
            let snapshot = storage.contents(file)
        {
            let options = PackedBlocks.all | PackedBlocks.splits
            // Without the closing block, which the target appends.
            let packed = PackedBlocks.pack(snapshot, options)
            seeds.append(("snapshot", name, Array(packed.dropLast(BlockHeader.sizeBytes))))
        }
        if let manifest = storage.contents(LogFiles.manifest) { seeds.append(("manifest", name, [0] + manifest)) }
        return seeds
    }
}

/// Frames of a small shop.
private struct Shop {
    private var random: UInt64 = 1
    private let timeMs = FuzzShards.startMs
    private let users = [Id128(42), Id128(7), Id128(high: 0x1234, low: 9)]

    /// A name and its frames, each a scenario that begins with nothing.
    private(set) var days: [(name: String, frames: [[UInt8]])] = []

    init() {
        days = [
            ("orders", orders()), ("points", points()), ("coupons", coupons()), ("checkouts", checkouts()),
            ("retired", retired()), ("questions", questions()),
        ]
    }

    private func frame<Entry: WireStruct>(
        _ operation: Protocol.Operation, afterMs: UInt64 = 0, _ entries: Entry...
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Frame.headerSizeBytes + entries.count * Entry.sizeBytes)
        bytes.withUnsafeMutableBytes { bytes in
            for (index, entry) in entries.enumerated() {
                entry.store(to: bytes.baseAddress! + Frame.headerSizeBytes + index * Entry.sizeBytes)
            }
            FrameHeader.seal(
                bytes.baseAddress!, operation: operation.rawValue, requestId: (afterMs / 100) << 48 | 1,
                count: entries.count, lengthBytes: bytes.count)
        }
        return bytes
    }

    private mutating func id(_ user: Id128? = nil) -> Id128 {
        random += 1
        let partition = user.map { Partition.of(user: $0) } ?? Partition.catalogue
        return .version7(timeMs: timeMs, partition: partition, random: random)
    }

    private mutating func sale(_ number: UInt64, stock: UInt64, limit: UInt32 = 0, holdMs: UInt32 = 60_000) -> [UInt8] {
        frame(
            .createSale,
            CreateSaleEntry(
                operationId: id(), saleId: number, stock: stock, startsAtMs: 0, endsAtMs: timeMs + 3_000_000,
                perUserLimit: limit, holdMs: holdMs, unitPrice: 1999, name: Name("Lamps") ?? Name()))
    }

    private mutating func orders() -> [[UInt8]] {
        let (a, b, c) = (id(users[0]), id(users[1]), id(users[2]))
        let unknown = id(users[0])
        return [
            sale(7, stock: 5), sale(8, stock: 2, limit: 1, holdMs: 0),
            frame(
                .order, OrderEntry(orderId: a, userId: users[0], saleId: 7, quantity: 3),
                OrderEntry(orderId: b, userId: users[1], saleId: 7, quantity: 2),
                OrderEntry(orderId: c, userId: users[2], saleId: 8, quantity: 1)),
            frame(.order, OrderEntry(orderId: a, userId: users[0], saleId: 7, quantity: 3)),
            frame(.extend, ExtendEntry(orderId: a, deadlineMs: timeMs + 200_000)),
            frame(.confirm, OrderIdEntry(orderId: a)), frame(.cancel, OrderIdEntry(orderId: unknown)),
            frame(.getOrder, OrderIdEntry(orderId: b)),
            frame(.listUserOrders, ListUserOrdersEntry(userId: users[0], after: .zero, limit: 10)),
            frame(.confirm, afterMs: 90_000, OrderIdEntry(orderId: b)), frame(.cancel, OrderIdEntry(orderId: a)),
            frame(.restockSale, RestockEntry(operationId: id(), offerId: 8, quantity: 4)),
            frame(.getSale, OfferIdEntry(offerId: 7)), frame(.closeSale, OfferIdEntry(offerId: 8)),
            frame(.listSales, ListOffersEntry(after: 0, limit: 10, stateMask: 0)),
        ]
    }

    private mutating func points() -> [[UInt8]] {
        let (earned, used, more) = (id(users[0]), id(users[0]), id(users[0]))
        return [
            frame(
                .earnPoints,
                EarnEntry(
                    transactionId: earned, userId: users[0], expiresAtMs: timeMs + 500_000, amount: 100,
                    reason: Reason("first order") ?? Reason()),
                EarnEntry(transactionId: more, userId: users[0], expiresAtMs: 0, amount: 50)),
            frame(.usePoints, UsePointsEntry(transactionId: used, userId: users[0], amount: 120)),
            frame(.getTransaction, TransactionIdEntry(transactionId: used)),
            frame(.cancelTransaction, TransactionIdEntry(transactionId: used)),
            frame(.getBalance, UserEntry(userId: users[0])),
            frame(.listTransactions, ListUserOrdersEntry(userId: users[0], after: .zero, limit: 10)),
            frame(.cancelTransaction, afterMs: 600_000, TransactionIdEntry(transactionId: earned)),
        ]
    }

    private mutating func policy(_ number: UInt64, _ kind: DiscountKind, quantity: UInt64 = 3) -> [UInt8] {
        frame(
            .createPolicy,
            CreatePolicyEntry(
                operationId: id(), policyId: number, quantity: quantity, validFromMs: 0, validUntilMs: timeMs + 900_000,
                discountValue: 10, maxDiscount: 500, minPurchase: 100, perUserLimit: 2, discountKind: kind.rawValue,
                name: Name("Welcome") ?? Name()))
    }

    private mutating func coupons() -> [[UInt8]] {
        let (a, b) = (id(users[0]), id(users[1]))
        let (use, restore) = (id(users[0]), id(users[0]))
        return [
            policy(70, .percent), policy(71, .fixed),
            frame(
                .issueCoupon, IssueCouponEntry(couponId: a, userId: users[0], policyId: 70),
                IssueCouponEntry(couponId: b, userId: users[1], policyId: 71)),
            frame(
                .useCoupon,
                UseCouponEntry(useId: use, couponId: a, userId: users[0], orderId: .zero, purchaseAmount: 4000)),
            frame(.getCoupon, CouponIdEntry(couponId: a)),
            frame(.restoreCoupon, RestoreCouponEntry(restoreId: restore, couponId: a, userId: users[0])),
            frame(.listUserCoupons, ListUserCouponsEntry(userId: users[0], after: .zero, limit: 10, stateMask: 0)),
            frame(.restockPolicy, RestockEntry(operationId: id(), offerId: 70, quantity: 4)),
            frame(.getPolicy, OfferIdEntry(offerId: 70)), frame(.closePolicy, OfferIdEntry(offerId: 71)),
            frame(.listPolicies, ListOffersEntry(after: 0, limit: 10, stateMask: 0)),
        ]
    }

    private mutating func checkouts() -> [[UInt8]] {
        let (user, coupon) = (users[0], id(users[0]))
        let (a, b, c) = (id(user), id(user), id(users[1]))
        let two = [CheckoutLine(saleId: 7, quantity: 1), CheckoutLine(saleId: 8, quantity: 2)]
        let lines = CheckoutLines(two) ?? CheckoutLines()
        let one = CheckoutLines([CheckoutLine(saleId: 7, quantity: 1)]) ?? CheckoutLines()
        return [
            sale(7, stock: 5), sale(8, stock: 4), policy(70, .percent),
            frame(.issueCoupon, IssueCouponEntry(couponId: coupon, userId: user, policyId: 70)),
            frame(.earnPoints, EarnEntry(transactionId: id(user), userId: user, expiresAtMs: 0, amount: 100)),
            frame(
                .placeCheckout,
                PlaceCheckoutEntry(
                    checkoutId: a, userId: user, couponId: coupon, earnExpiresAtMs: timeMs + 800_000, usePoints: 60,
                    earnPoints: 5, lineCount: 2, lines: lines),
                PlaceCheckoutEntry(checkoutId: b, userId: user, lineCount: 1, lines: one)),
            frame(.getCheckout, CheckoutIdEntry(checkoutId: a)),
            frame(.confirmCheckout, CheckoutIdEntry(checkoutId: a)),
            frame(.cancelCheckout, CheckoutIdEntry(checkoutId: c)),
            frame(.confirmCheckout, afterMs: 90_000, CheckoutIdEntry(checkoutId: b)),
            frame(.cancelCheckout, CheckoutIdEntry(checkoutId: a)),
        ]
    }

    /// Everything has been remembered long enough at the end.
    private mutating func retired() -> [[UInt8]] {
        let wait: UInt64 = 5_000_000
        var frames = orders() + points() + coupons()
        for _ in 0..<6 { frames.append(frame(.ping, afterMs: wait, PingEntry(nonce: 1))) }
        return frames
    }

    private mutating func questions() -> [[UInt8]] {
        [
            frame(.ping, PingEntry(nonce: 5)), frame(.stats, PingEntry(nonce: 0)),
            frame(.topology, PingEntry(nonce: 0)), frame(.mirror, PingEntry(nonce: 0)),
            frame(.snapshot, PingEntry(nonce: 0)), frame(.tail, TailEntry(after: .now, waitMs: 0, limit: 5)),
            frame(
                .handshake,
                HandshakeEntry(versionMin: 1, versionMax: 1, shard: 0xffff, token: Name("secret") ?? Name())),
        ]
    }
}

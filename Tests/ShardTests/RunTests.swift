import Engine
import Protocol
import TestSupport
import Testing

@testable import Shard

/// Shows that frames of one order each that lie one behind the other are answered as if they had come alone: each
/// with its own reply, none waiting for more than it has to, whatever stands between them or interrupts them.
@Suite struct RunTests {
    private static func open(_ rig: ShardRig, _ mint: inout IdMint, stock: UInt64 = 1 << 30) {
        let sale = CreateSaleEntry.open(
            1, stock: stock, holdMs: 60_000, operationId: mint.catalogueId(timeMs: ShardRig.nowMs))
        precondition(rig.begin(.createSale, 1, [sale]) == .finished)
        rig.finish()
    }

    private static func order(_ mint: inout IdMint, sale: UInt64 = 1, quantity: UInt32 = 1) -> OrderEntry {
        let user = mint.user()
        return OrderEntry(
            orderId: mint.id(user: user, timeMs: ShardRig.nowMs), userId: user, saleId: sale, quantity: quantity)
    }

    /// Frames of one order each, with the request ids from `first` on.
    private static func stream(_ orders: [OrderEntry], first: UInt64) -> [UInt8] {
        orders.enumerated().flatMap { FrameBytes.request(.order, requestId: first + UInt64($0), [$1]) }
    }

    private static func results(_ rig: ShardRig, _ requests: Range<UInt64>) throws -> [OrderResult] {
        try requests.map { request in
            let reply = try #require(rig.replies[request])
            #expect(reply.header.status == .ok && reply.header.count == 1)
            let results: [OrderResult] = reply.results()
            return try #require(results.first)
        }
    }

    @Test func eachFrameHasItsReply() throws {
        var mint = IdMint(seed: 1)
        let rig = ShardRig()
        Self.open(rig, &mint)
        let orders = (1...50 as ClosedRange<UInt32>).map { Self.order(&mint, quantity: $0) }
        let begun = rig.begin(Self.stream(orders, first: 10))
        #expect(begun.progress == .finished && begun.frames == 50)
        rig.collectReplies()
        #expect(rig.answered == [1], "nothing is durable yet")
        rig.finish()
        let results = try Self.results(rig, 10..<60)
        #expect(results.map(\.code) == orders.map { _ in .ok } && results.map(\.quantity) == orders.map(\.quantity))
        #expect(rig.answered == [1] + (10..<60 as Range<UInt64>))
    }

    /// A refusal that says something about the moment leaves at once, from between orders that wait for the disk.
    @Test func refusalsDoNotWaitForTheOrdersBesideThem() throws {
        var mint = IdMint(seed: 2)
        let rig = ShardRig()
        Self.open(rig, &mint, stock: 3)
        let orders = [
            Self.order(&mint), Self.order(&mint, quantity: 9), Self.order(&mint), Self.order(&mint, sale: 77),
            Self.order(&mint), Self.order(&mint),
        ]
        var (progress, frames) = rig.begin(Self.stream(orders, first: 10))
        #expect(frames == 6)
        while progress == .takesUnits {
            while case let answer = rig.core.pointee.stepTake(nowMs: ShardRig.nowMs),
                answer != .soldOut, answer != .taken
            {}
            progress = rig.resume()
        }
        #expect(progress == .finished)
        rig.collectReplies()
        #expect(rig.answered == [1, 11, 13, 15])
        rig.finish()
        let codes = try Self.results(rig, 10..<16).map(\.code)
        #expect(codes == [.ok, .soldOut, .ok, .notFound, .ok, .soldOut])
    }

    /// The log is full in the middle of a run, and replies of others come meanwhile.
    @Test func aRunThatPausesGoesOn() throws {
        var mint = IdMint(seed: 3)
        let rig = ShardRig(blockSizeMaxBytes: InPlaceTests.smallBlockBytes)
        Self.open(rig, &mint)
        let orders = (0..<120).map { _ in Self.order(&mint) }
        let before = (0..<100).map { _ in Self.order(&mint) }
        #expect(rig.begin(Self.stream(before, first: 200)).progress == .finished)
        let begun = rig.begin(Self.stream(orders, first: 10))
        #expect(begun.frames == 120 && begun.progress == .paused)
        rig.seal()
        rig.finish()
        #expect(try (Self.results(rig, 10..<130) + Self.results(rig, 200..<300)).allSatisfy { $0.code == .ok })
    }

    /// What arrived together is answered together, also where a turn ends; the next run is begun in another turn.
    @Test func theEndOfATurnCutsNoRun() throws {
        var mint = IdMint(seed: 6)
        let rig = ShardRig()
        Self.open(rig, &mint)
        let orders = (0..<50).map { _ in Self.order(&mint) }
        rig.core.pointee.beginTurn(entriesMax: 7)
        let begun = rig.begin(Self.stream(orders, first: 10))
        #expect(begun.frames == 50 && begun.progress == .finished)
        let hasAllowance = rig.core.pointee.hasAllowance
        #expect(!hasAllowance)
        rig.finish()
        #expect(try Self.results(rig, 10..<60).allSatisfy { $0.code == .ok })
    }

    /// A run ends where something else begins: another operation, a batch, a frame that is broken or not whole.
    @Test func aRunEndsWhereSomethingElseBegins() {
        var mint = IdMint(seed: 4)
        let rig = ShardRig()
        Self.open(rig, &mint)
        let three = Self.stream((0..<3).map { _ in Self.order(&mint) }, first: 10)
        let more = FrameBytes.request(.order, requestId: 20, [Self.order(&mint)])
        var broken = more
        broken[40] ^= 1
        let others: [[UInt8]] = [
            FrameBytes.request(.order, requestId: 20, [Self.order(&mint), Self.order(&mint)]),
            FrameBytes.request(.cancel, requestId: 20, [OrderIdEntry(orderId: mint.id(user: mint.user(), timeMs: 5))]),
            FrameBytes.request(.ping, requestId: 20, [PingEntry(nonce: 7)]), broken, Array(more.dropLast()),
            Array(more.prefix(3)), [],
        ]
        for other in others {
            let bytes = three + other + more
            let end = other.count < more.count ? three.count + other.count : bytes.count
            let length = bytes.withUnsafeBytes {
                rig.core.pointee.runLength($0.baseAddress!, FrameHeader($0.baseAddress!), availableBytes: end)
            }
            #expect(length == 3, "\(other.count) bytes behind three frames")
        }
        let whole = (three + more).withUnsafeBytes {
            rig.core.pointee.runLength($0.baseAddress!, FrameHeader($0.baseAddress!), availableBytes: $0.count)
        }
        #expect(whole == 4)
    }

    /// Frames of any operation on a user's own records are a run, as orders are.
    @Test func pointsAreRunsAsWell() throws {
        var mint = IdMint(seed: 5)
        let rig = ShardRig()
        let user = mint.user()
        let earnings = (1...9 as ClosedRange<UInt32>).map {
            EarnEntry(
                transactionId: mint.id(user: user, timeMs: ShardRig.nowMs), userId: user, expiresAtMs: 0, amount: $0)
        }
        let stream = earnings.enumerated().flatMap {
            FrameBytes.request(.earnPoints, requestId: UInt64(20 + $0), [$1])
        }
        let begun = rig.begin(stream)
        #expect(begun.progress == .finished && begun.frames == 9)
        rig.finish()
        var balance: UInt64 = 0
        for (index, earning) in earnings.enumerated() {
            let results: [PointResult] = try #require(rig.replies[UInt64(20 + index)]).results()
            balance += UInt64(earning.amount)
            #expect(results.map(\.code) == [.ok] && results.map(\.balance) == [balance])
        }
    }
}

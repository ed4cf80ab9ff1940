import Engine
import Glibc
import Protocol
import TestSupport
import Testing

@testable import Shard

/// Shows that results which are put together where their reply will wait come to the same as results put
/// together elsewhere, whatever the frame is interrupted by, and whoever puts replies there meanwhile.
@Suite struct InPlaceTests {
    static let smallBlockBytes = 8192

    private static func orders(_ count: Int, _ mint: inout IdMint) -> [OrderEntry] {
        (0..<count).map { index in
            let user = mint.user()
            return OrderEntry(
                orderId: mint.id(user: user, timeMs: ShardRig.nowMs), userId: user, saleId: 1,
                quantity: UInt32(index % 50 + 1))
        }
    }

    private static func open(_ rig: ShardRig, _ mint: inout IdMint) {
        let sale = CreateSaleEntry.open(
            1, stock: 1 << 30, holdMs: 60_000, operationId: mint.catalogueId(timeMs: ShardRig.nowMs))
        precondition(rig.begin(.createSale, 1, [sale]) == .finished)
        rig.finish()
    }

    private static func restock(_ mint: inout IdMint) -> RestockEntry {
        RestockEntry(operationId: mint.catalogueId(timeMs: ShardRig.nowMs), offerId: 1, quantity: 5)
    }

    /// The log is full in the middle of a frame, and before it goes on a reply of the catalogue goes into the
    /// very queue in which the frame had its place.
    @Test func aPlaceIsLeftBeforeAnotherReplyComes() throws {
        var mint = IdMint(seed: 1)
        let rig = ShardRig(blockSizeMaxBytes: Self.smallBlockBytes)
        Self.open(rig, &mint)
        #expect(rig.begin(.restockSale, 2, [Self.restock(&mint)]) == .finished)
        rig.seal()
        // The answer to the first shows the second as well, so that it waits for a later block than its own.
        #expect(rig.begin(.restockSale, 3, [Self.restock(&mint)]) == .finished)
        let entries = Self.orders(200, &mint)
        #expect(rig.begin(.order, 4, entries) == .paused)
        let (isInPlace, hasAllowance) = (rig.core.pointee.work.isInPlace, rig.core.pointee.hasAllowance)
        #expect(!isInPlace && hasAllowance, "the log is full, and nothing else")
        let results = rig.core.pointee.work.batch?.results
        let scratch = rig.core.pointee.results
        #expect(results == scratch)

        rig.completeWrite()
        let isGatedEmpty = rig.core.pointee.gated.isEmpty
        #expect(!isGatedEmpty, "the reply of the catalogue waits among those of the orders")
        rig.collectReplies()
        #expect(rig.answered == [1])
        rig.finish()
        // First in, first out: the reply that came meanwhile is the first.
        #expect(rig.answered.first == 1 && rig.answered.last == 4)
        #expect(Set(rig.answered) == [1, 2, 3, 4])
        for request in [2, 3] as [UInt64] {
            let sales: [SaleResult] = try #require(rig.replies[request]).results()
            #expect(sales.first?.code == .ok && sales.first?.stock == 1 << 30 + 10)
        }
        let placed: [OrderResult] = try #require(rig.replies[4]).results()
        #expect(placed.map(\.code) == entries.map { _ in .ok })
        #expect(placed.map(\.quantity) == entries.map(\.quantity))
    }

    /// A frame of more entries than the turn allows is never in place; one of exactly as many is. Memory that is
    /// filled beforehand tells where the results went.
    @Test func theAllowanceDecidesWhetherAFrameIsInPlace() throws {
        var mint = IdMint(seed: 2)
        for (count, allowance) in [(5, 5), (5, 4), (5, 1), (1, 1)] {
            let rig = ShardRig()
            Self.open(rig, &mint)
            let entries = Self.orders(count, &mint)
            let replyBytes = Frame.headerSizeBytes + count * OrderResult.sizeBytes
            let place = rig.core.pointee.gated.reserve(replyBytes)
            let scratch = rig.core.pointee.scratch
            for memory in [place, scratch] { memset(memory, 0xa5, replyBytes) }
            func isUntouched(_ memory: UnsafeRawPointer) -> Bool {
                isAll(0xa5, UnsafeRawBufferPointer(start: memory, count: replyBytes))
            }
            rig.core.pointee.beginTurn(entriesMax: allowance)
            var progress = rig.begin(.order, 2, entries)
            let fits = count <= allowance
            #expect(progress == (fits ? .finished : .paused))
            #expect(isUntouched(scratch) == fits && isUntouched(place) == !fits, "\(count) of \(allowance)")
            while progress == .paused {
                let results = rig.core.pointee.work.batch?.results
                #expect(results == scratch + Frame.headerSizeBytes)
                rig.core.pointee.beginTurn(entriesMax: allowance)
                progress = rig.resume()
            }
            rig.finish()
            let placed: [OrderResult] = try #require(rig.replies[2]).results()
            #expect(placed.map(\.code) == entries.map { _ in .ok })
            #expect(placed.map(\.quantity) == entries.map(\.quantity))
        }
    }

    /// Random frames on a shard whose log is small and slow and whose turns are short, and on one that is never
    /// interrupted: the same replies, byte for byte. Those of the catalogue show counts of the moment.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func interruptionsDoNotShow(_ seed: UInt64) throws {
        var mint = IdMint(seed: seed)
        let slow = ShardRig(blockSizeMaxBytes: Self.smallBlockBytes)
        let fast = ShardRig()
        var same = mint
        Self.open(slow, &mint)
        Self.open(fast, &same)
        var run = InterruptedRun(slow: slow, fast: fast, mint: mint)
        for request in 2...400 as ClosedRange<UInt64> { run.ask(request) }
        slow.finish()
        fast.finish()
        #expect(slow.replies.count == 400 && fast.replies.count == 400, "seed \(seed)")
        for (request, reply) in fast.replies {
            let other = try #require(slow.replies[request])
            let isOfCatalogue = Operation(rawValue: reply.header.operation)?.isCatalogue ?? true
            #expect(other.header.count == reply.header.count && other.header.status == .ok)
            #expect(isOfCatalogue || other.body == reply.body, "seed \(seed), request \(request)")
        }
        #expect(run.pausesInPlace > 10 && run.pausesElsewhere > 10 && run.repliesMeanwhile > 3, "seed \(seed): \(run)")
        let digests = (slow.core.pointee.engine.pointee.digest(), fast.core.pointee.engine.pointee.digest())
        #expect(digests.0 == digests.1)
    }

    private struct InterruptedRun: CustomStringConvertible {
        let slow: ShardRig
        let fast: ShardRig
        var mint: IdMint
        var pausesInPlace = 0
        var pausesElsewhere = 0
        var repliesMeanwhile = 0
        private var known: [Id128] = []

        init(slow: ShardRig, fast: ShardRig, mint: IdMint) {
            self.slow = slow
            self.fast = fast
            self.mint = mint
        }

        var description: String {
            "\(pausesInPlace) pauses in place, \(pausesElsewhere) elsewhere, \(repliesMeanwhile) replies meanwhile"
        }

        private mutating func below(_ bound: Int) -> Int { Int(mint.random() % UInt64(bound)) }

        mutating func ask(_ request: UInt64) {
            let count = [1, 2, 20, 150, 400][below(5)]
            switch below(10) {
            case 0...3:
                let entries = InPlaceTests.orders(count, &mint)
                known += entries.map(\.orderId)
                ask(.order, request, entries)
            case 4: ask(.getOrder, request, ids(count).map(OrderIdEntry.init(orderId:)))
            case 5: ask(.confirm, request, ids(count).map(OrderIdEntry.init(orderId:)))
            case 6: ask(.cancel, request, ids(count).map(OrderIdEntry.init(orderId:)))
            case 7:
                let deadline = ShardRig.nowMs + UInt64(below(1 << 20))
                ask(.extend, request, ids(count).map { ExtendEntry(orderId: $0, deadlineMs: deadline) })
            case 8: ask(.ping, request, [PingEntry(nonce: mint.random())])
            default:
                makeCatalogueRoom()
                ask(.restockSale, request, [InPlaceTests.restock(&mint)])
            }
        }

        /// A change of the catalogue is refused as busy where the log has little room left: that would show.
        private mutating func makeCatalogueRoom() {
            while !slow.hasCatalogueRoom {
                completeWrites()
                slow.seal()
            }
        }

        /// Known ones, and now and then one that nobody has heard of.
        private mutating func ids(_ count: Int) -> [Id128] {
            (0..<count).map { _ in
                known.isEmpty || below(20) == 0
                    ? mint.id(user: Id128(mint.random() | 1), timeMs: ShardRig.nowMs) : known[below(known.count)]
            }
        }

        private mutating func ask<Entry: WireStruct>(_ operation: Operation, _ request: UInt64, _ entries: [Entry]) {
            fast.core.pointee.beginTurn(entriesMax: 1 << 20)
            let isAtOnce = fast.begin(operation, request, entries)
            precondition(isAtOnce == .finished, "a large block has room for every frame")
            fast.finish()
            var isBegun = false
            while !isBegun || slow.isWorking {
                slow.core.pointee.beginTurn(entriesMax: [3, 70, 2048, 2048][below(4)])
                completeWrites()
                let fits = entries.count <= slow.core.pointee.allowance
                let progress = isBegun ? slow.resume() : slow.begin(operation, request, entries)
                if progress == .paused {
                    // Only a frame that has just begun can be in place.
                    if !isBegun && fits { pausesInPlace += 1 } else { pausesElsewhere += 1 }
                }
                if progress != .blocked { isBegun = true }
                if below(3) > 0 { slow.seal() }
                slow.collectReplies()
            }
        }

        private mutating func completeWrites() {
            while slow.writesUnderWay > 0 && below(3) > 0 {
                let waiting = slow.core.pointee.catalogue.replies.count
                slow.completeWrite(below(slow.writesUnderWay))
                let answered = waiting - slow.core.pointee.catalogue.replies.count
                if slow.isWorking { repliesMeanwhile += answered }
            }
        }
    }
}

import CAtomics
import Protocol
import Testing

@testable import Engine
@testable import Log

/// Orders that leave out what the full one before them in their block says: written where that may be, and read as if
/// they were full.
@Suite struct ShortOrderTests {
    private static let nowMs: UInt64 = 1_767_225_605_000

    /// An event buffer, as a log would give an engine.
    private final class Buffer {
        let memory: UnsafeMutableRawPointer
        var events: EventBuffer

        init(sizeBytes: Int = 8192) {
            memory = UnsafeMutableRawPointer.allocate(byteCount: sizeBytes, alignment: 8)
            events = EventBuffer(base: memory, capacityBytes: sizeBytes, nextLsn: 1)
        }

        deinit { memory.deallocate() }

        func order(
            _ number: UInt64, sale: UInt64 = 7, quantity: UInt32? = nil, deadlineMs: UInt64 = 0,
            timeMs: UInt64 = ShortOrderTests.nowMs
        ) {
            let ids = events.appendOrder(
                sale: sale, quantity: quantity ?? UInt32(number), deadlineMs: deadlineMs, timeMs: timeMs)
            ids.storeId(Id128(number), 0)
            ids.storeId(Id128(number + 100), 16)
        }

        func tombstone(_ number: UInt64) {
            let event = events.append(.tombstonePlaced, timeMs: ShortOrderTests.nowMs)
            event.storeId(Id128(number), EventField.id)
        }

        var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: memory, count: events.usedBytes)) }
    }

    /// The events of a block with these bytes in it.
    private func read(_ events: [UInt8], count: Int, version: UInt16 = BlockHeader.formatVersion) throws -> [[UInt8]] {
        var header = BlockHeader(
            shard: 0, shards: 1, lengthBytes: 8192, eventsBytes: events.count, previousChecksum: 0, generation: 1,
            logId: 1, segment: 1, firstLsn: 1, eventCount: count, sequence: 1, durableLsn: 0, timeMs: Self.nowMs)
        header.formatVersion = version
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 8)
        let full = FullEvents()
        defer {
            memory.deallocate()
            withExtendedLifetime(full) {}
        }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        UnsafeMutableRawBufferPointer(rebasing: memory[BlockHeader.sizeBytes...]).copyBytes(from: events)
        var cursor = LogBlock(header: header, base: memory.baseAddress!, file: "", offset: 0, full).events
        var found: [[UInt8]] = []
        while let (kind, event) = try cursor.next() {
            found.append(Array(UnsafeRawBufferPointer(start: event, count: kind.sizeBytes)))
        }
        return found
    }

    private func full(
        _ number: UInt64, sale: UInt64 = 7, quantity: UInt32? = nil, deadlineMs: UInt64 = 0, timeMs: UInt64 = nowMs
    ) -> [UInt8] {
        let buffer = Buffer()
        buffer.order(number, sale: sale, quantity: quantity, deadlineMs: deadlineMs, timeMs: timeMs)
        return buffer.bytes
    }

    /// What another implementation wrote from `docs/log-format.md`: an engine logs it, and it is read in full.
    @Test func thePageSaysHowTheyLie() throws {
        let golden = try GoldenTests().golden
        let buffer = Buffer()
        for event in golden.rush.map(GoldenTests.bytes) {
            event.withUnsafeBytes { bytes in
                let event = bytes.baseAddress!
                guard event.loadLE(EventField.kind, as: UInt8.self) == EventKind.orderPlaced.rawValue else {
                    let tombstone = buffer.events.append(
                        .tombstonePlaced, timeMs: event.loadLE(EventField.timeMs, as: UInt64.self))
                    tombstone.storeId(event.loadId(EventField.id), EventField.id)
                    return
                }
                let ids = buffer.events.appendOrder(
                    sale: event.loadLE(EventField.orderSale, as: UInt64.self),
                    quantity: event.loadLE(EventField.quantity, as: UInt32.self),
                    deadlineMs: event.loadLE(EventField.orderDeadlineMs, as: UInt64.self),
                    timeMs: event.loadLE(EventField.timeMs, as: UInt64.self))
                ids.copyMemory(from: event + EventField.id, byteCount: 32)
            }
        }
        let block = golden.rushBlock.bytes
        let body = Array(block[BlockHeader.sizeBytes..<(BlockHeader.sizeBytes + buffer.events.usedBytes)])
        #expect(buffer.bytes == body)
        #expect(buffer.events.usedBytes == 2 * 64 + 3 * 40 + (8 + 2 * 32) + 32)
        block.withUnsafeBytes {
            #expect(BlockHeader.isIntact($0.baseAddress!))
            let header = BlockHeader($0.baseAddress!)
            #expect(header.bodyIsIntact($0.baseAddress!) && header.eventsBytes == body.count)
            #expect(header.formatVersion == BlockHeader.formatVersion)
        }
        #expect(try read(body, count: golden.rush.count) == golden.rush.map(GoldenTests.bytes))
    }

    @Test func anOrderThatSaysMoreIsFull() throws {
        let buffer = Buffer()
        var sizes: [Int] = []
        func order(sale: UInt64 = 7, deadlineMs: UInt64 = 0, timeMs: UInt64 = Self.nowMs) {
            let before = buffer.events.usedBytes
            buffer.order(UInt64(sizes.count + 1), sale: sale, deadlineMs: deadlineMs, timeMs: timeMs)
            sizes.append(buffer.events.usedBytes - before)
        }
        order()
        order()
        order(sale: 8)
        order(sale: 8)
        order(sale: 8, deadlineMs: 9)
        order(sale: 8, deadlineMs: 9)
        order(sale: 8, deadlineMs: 9, timeMs: Self.nowMs + 1)
        order(sale: 8, deadlineMs: 9, timeMs: Self.nowMs + 1)
        order()
        #expect(sizes == [64, 40, 64, 40, 64, 40, 64, 40, 64])
        let wanted = [
            full(1), full(2), full(3, sale: 8), full(4, sale: 8), full(5, sale: 8, deadlineMs: 9),
            full(6, sale: 8, deadlineMs: 9), full(7, sale: 8, deadlineMs: 9, timeMs: Self.nowMs + 1),
            full(8, sale: 8, deadlineMs: 9, timeMs: Self.nowMs + 1), full(9),
        ]
        #expect(try read(buffer.bytes, count: 9) == wanted)
    }

    @Test func ordersOfOneQuantityShareTheirHead() throws {
        let buffer = Buffer()
        var sizes: [Int] = []
        func order(_ quantity: UInt32) {
            let before = buffer.events.usedBytes
            buffer.order(UInt64(sizes.count + 1), quantity: quantity)
            sizes.append(buffer.events.usedBytes - before)
        }
        for quantity: UInt32 in [1, 1, 1, 1, 2, 2, 1] { order(quantity) }
        buffer.tombstone(9)
        for quantity: UInt32 in [1, 1] { order(quantity) }
        #expect(sizes == [64, 40, 32, 32, 40, 32, 40, 40, 32])
        #expect(buffer.events.count == 10 && buffer.events.lastLsn == 10)
        let found = try read(buffer.bytes, count: 10)
        let fields = found.map { event in
            event.withUnsafeBytes {
                ($0.baseAddress!.loadLE(EventField.quantity, as: UInt32.self), $0.baseAddress!.loadId(EventField.id))
            }
        }
        #expect(fields.map(\.0) == [1, 1, 1, 1, 2, 2, 1, 0, 1, 1])
        #expect(fields.map(\.1) == ([1, 2, 3, 4, 5, 6, 7, 9, 8, 9] as [UInt64]).map { Id128($0) })
    }

    /// Two bytes say how long a row of them is.
    @Test func aRowEndsWhereItsSizeWould() {
        let count = 2 * ShortOrders.countMax + 2
        let buffer = Buffer(sizeBytes: 40 * count)
        for number in 1...UInt64(count) { buffer.order(number, quantity: 1) }
        #expect(buffer.events.usedBytes == 64 + 2 * ShortOrders.sizeMaxBytes + 40)
        let full = FullEvents()
        buffer.bytes.withUnsafeBytes {
            let made = full.made(of: $0, count: count)
            #expect(made.count == 64 * count)
            for number in [1, 2, ShortOrders.countMax + 1, ShortOrders.countMax + 2, count] {
                #expect(made.baseAddress!.loadId(64 * (number - 1) + EventField.id) == Id128(UInt64(number)))
            }
        }
        withExtendedLifetime(full) {}
    }

    /// A block has to be readable by itself.
    @Test func aBlockBeginsWithAFullOne() throws {
        let rig = LogWriterTests.Rig()
        for _ in 0..<2 {
            let command = try #require(rig.seal(orders: 2))
            #expect(BlockHeader(command.memory).eventsBytes == 64 + 40)
            rig.complete(command)
        }
    }

    /// The bytes of a block, so often in a row that memory for what they become is used again.
    @Test func blocksOfAnySizeAreMadeFull() throws {
        let full = FullEvents()
        for count in [1, 2, 100, 3, 150] {
            let buffer = Buffer()
            for number in 1...UInt64(count) { buffer.order(number, quantity: UInt32(1 + number / 3)) }
            buffer.tombstone(5)
            let logged = UnsafeRawBufferPointer(start: buffer.memory, count: buffer.events.usedBytes)
            let made = full.made(of: logged, count: count + 1)
            #expect(made.count == 64 * count + 32)
            let last = self.full(UInt64(count), quantity: UInt32(1 + count / 3))
            #expect(Array(made[(64 * (count - 1))..<(64 * count)]) == last)
        }
        withExtendedLifetime(full) {}
    }

    // MARK: Bytes that are no events

    private func fault(_ bytes: [UInt8], count: Int, version: UInt16 = BlockHeader.formatVersion) -> EventFault? {
        do {
            _ = try read(bytes, count: count, version: version)
            return nil
        } catch { return error as? EventFault }
    }

    /// Behind what nobody can read, nothing becomes longer: who counts what is read counts what was logged.
    @Test(arguments: [[250, 0, 16, 0], [UInt8(EventKind.orderPlaced.rawValue), 0, 48, 0]])
    func whatIsNoEventIsLeftWithAllBehindIt(_ head: [UInt8]) {
        let buffer = Buffer()
        for number in 1...UInt64(3) { buffer.order(number) }
        let (orders, short) = (buffer.bytes[..<104], buffer.bytes[104...])
        let none = head + Array(repeating: 0, count: Int(head[2]) - head.count)
        (orders + none + short).withUnsafeBytes {
            let full = FullEvents()
            let made = full.made(of: $0, count: 4)
            #expect(Array(made) == self.full(1) + self.full(2) + none + short)
            withExtendedLifetime(full) {}
        }
    }

    @Test func oneBehindNoFullOneIsAFault() {
        let buffer = Buffer()
        buffer.order(1)
        buffer.order(2)
        let short = Array(buffer.bytes[64...])
        #expect(fault(short, count: 1) == .wrongSize(kind: 1, sizeBytes: 40))
        let tombstone = Buffer()
        tombstone.tombstone(3)
        #expect(fault(tombstone.bytes + short, count: 2) == .wrongSize(kind: 1, sizeBytes: 40))
    }

    /// Versions 1 and 2 had none.
    @Test func oneInABlockOfAnOlderVersionIsAFault() {
        let buffer = Buffer()
        buffer.order(1)
        buffer.order(2)
        #expect(fault(buffer.bytes, count: 2) == nil)
        for version in UInt16(1)...2 {
            #expect(fault(buffer.bytes, count: 2, version: version) == .wrongSize(kind: 1, sizeBytes: 40))
        }
    }

    /// More in a row than the block counts, or half of one.
    @Test func aRowThatCannotBeIsAFault() {
        let buffer = Buffer()
        for number in 1...UInt64(4) { buffer.order(number, quantity: 1) }
        #expect(fault(buffer.bytes, count: 4) == nil)
        #expect(fault(buffer.bytes, count: 3) == .wrongSize(kind: 1, sizeBytes: 104))
        #expect(fault(Array(buffer.bytes.dropLast(32)), count: 3) == .wrongSize(kind: 1, sizeBytes: 104))
        for size: UInt8 in [8, 24, 96] {
            var wrong = buffer.bytes
            wrong[64 + EventField.size] = size
            #expect(fault(wrong, count: 4) == .wrongSize(kind: 1, sizeBytes: Int(size)))
        }
    }

    @Test func cutAndMiscountedBlocksAreFaults() {
        let buffer = Buffer()
        for number in 1...4 { buffer.order(UInt64(number)) }
        for cut in [1, 20] {
            #expect(fault(Array(buffer.bytes.dropLast(cut)), count: 4) == .wrongSize(kind: 1, sizeBytes: 40))
        }
        #expect(fault(Array(buffer.bytes.dropLast(39)), count: 4) == .cutShort)
        #expect(fault(buffer.bytes, count: 3) == .cutShort)
        #expect(fault(buffer.bytes, count: 5) == .cutShort)
        var wrong = buffer.bytes
        wrong[64] = 200
        #expect(fault(wrong, count: 4) == .unknownKind(200))
        wrong = buffer.bytes
        wrong[64 + EventField.size] = 41
        #expect(fault(wrong, count: 4) == .wrongSize(kind: 1, sizeBytes: 41))
    }
}

import Foundation
import Protocol
import Testing

@testable import Generator

/// Shows what goes to Redis and to PostgreSQL byte by byte, and that replies are read wherever they are split.
@Suite struct WireTests {
    private static let nowMs: UInt64 = 1_700_000_000_000

    private static func order(_ number: UInt64, quantity: UInt32 = 1) -> OrderEntry {
        OrderEntry(
            orderId: Id128(high: number << 8, low: 0xfe00_0000_0000_000d), userId: Id128(high: 0x0a0d, low: number),
            saleId: 7, quantity: quantity)
    }

    /// The bytes of one request.
    private func request(_ wire: some OrderWire, _ orders: [OrderEntry]) -> [UInt8] {
        withUnsafeTemporaryAllocation(byteCount: orders.count * OrderEntry.sizeBytes, alignment: 16) { entries in
            for (index, order) in orders.enumerated() {
                order.store(to: entries.baseAddress! + index * OrderEntry.sizeBytes)
            }
            let room = wire.requestBytesMax(orders: orders.count)
            return withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { bytes in
                let length = wire.writeRequest(
                    entries.baseAddress!, count: orders.count, nowMs: Self.nowMs, to: bytes.baseAddress!)
                #expect(length <= room)
                return Array(bytes[..<length])
            }
        }
    }

    /// Reads one reply from memory that holds these bytes and no more.
    private func read(_ wire: some OrderWire, _ bytes: [UInt8]) throws -> (length: Int, tally: OrderTally) {
        var tally = OrderTally()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        defer { memory.deallocate() }
        bytes.withUnsafeBytes { if $0.count > 0 { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) } }
        let length = try wire.readReply(memory, count: bytes.count, into: &tally)
        return (length, tally)
    }

    /// A reply is nothing until its last byte is there, and its own length with the next one behind it.
    private func isReadWhole(_ wire: some OrderWire, _ reply: [UInt8], _ tally: OrderTally) throws {
        for length in 0..<reply.count {
            let part = try read(wire, Array(reply[..<length]))
            #expect(part.length == 0 && part.tally == OrderTally(), "of \(length) bytes")
        }
        for more in 0...reply.count {
            let all = try read(wire, reply + reply[..<more])
            #expect(all.length == reply.count && all.tally == tally)
        }
    }

    private func tally(_ accepted: UInt64, _ refused: [UInt16: UInt64] = [:]) -> OrderTally {
        var tally = OrderTally()
        (tally.accepted, tally.refused) = (accepted, refused)
        return tally
    }

    // MARK: Redis

    private let redis = RedisWire(sale: 7, orderScript: "aa", batchScript: "bbb")

    private func bytes(_ id: Id128) -> [UInt8] {
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) {
            $0.baseAddress!.storeId(id, 0)
            return Array($0)
        }
    }

    private func bulks(_ parts: [[UInt8]]) -> RESP { .array(parts.map { .bulk($0) }) }

    @Test func anOrderIsOneCallOfAScript() throws {
        for quantity: UInt32 in [1, 9, 10, 99, 100, 1_000_000] {
            let order = Self.order(3, quantity: quantity)
            let sent = request(redis, [order])
            let (value, length) = try #require(try RESP.first(in: sent))
            #expect(length == sent.count)
            let texts = ["EVALSHA", "aa", "3", "sale:7", "users:7", "orders", "\(Self.nowMs)"].map { Array($0.utf8) }
            #expect(value == bulks(texts + [bytes(order.orderId), bytes(order.userId), Array("\(quantity)".utf8)]))
        }
    }

    @Test func aBatchIsOneCallToo() throws {
        let orders = [Self.order(3), Self.order(4, quantity: 20), Self.order(5)]
        let sent = request(redis, orders)
        let (value, length) = try #require(try RESP.first(in: sent))
        #expect(length == sent.count)
        let texts = ["EVALSHA", "bbb", "3", "sale:7", "users:7", "orders", "\(Self.nowMs)"].map { Array($0.utf8) }
        let ids = orders.map { bytes($0.orderId) } + orders.map { bytes($0.userId) }
        #expect(value == bulks(texts + ids + ["1", "20", "1"].map { Array($0.utf8) }))
    }

    @Test func repliesOfRedisMayBeSplitAnywhere() throws {
        try isReadWhole(redis, Array(":0\r\n".utf8), tally(1))
        try isReadWhole(redis, Array(":33\r\n".utf8), tally(0, [33: 1]))
        try isReadWhole(redis, Array("*4\r\n:0\r\n:32\r\n:0\r\n:32\r\n".utf8), tally(2, [32: 2]))
        try isReadWhole(redis, Array("*0\r\n".utf8), tally(0))
    }

    @Test(arguments: [
        "-NOSCRIPT No matching script.\r\n", "$-1\r\n", "+OK\r\n", ":x\r\n", "*1\r\n$1\r\na\r\n", "!\r\n", ":70000\r\n",
        ":-1\r\n",
    ])
    func whatNoScriptAnswersIsAnError(_ reply: String) {
        #expect(throws: LoadError.self) { try self.read(self.redis, Array(reply.utf8)) }
    }

    @Test func anErrorOfRedisIsQuoted() {
        let fault = #expect(throws: LoadError.self) {
            try self.read(self.redis, Array("-NOSCRIPT No matching script.\r\n".utf8))
        }
        #expect(fault?.description == "Redis: NOSCRIPT No matching script.")
    }

    @Test func valuesMayBeSplitAnywhere() throws {
        let values: [(String, RESP)] = [
            ("+OK\r\n", .text("OK")), ("-ERR no\r\n", .error("ERR no")), (":-12\r\n", .integer(-12)),
            ("$0\r\n\r\n", .bulk([])), ("$3\r\na\r\n\r\n", .bulk([0x61, 0x0d, 0x0a])), ("$-1\r\n", .null),
            ("*3\r\n:1\r\n*1\r\n$1\r\nx\r\n+y\r\n", .array([.integer(1), .array([.bulk([0x78])]), .text("y")])),
        ]
        for (text, expected) in values {
            let all = Array(text.utf8)
            for length in 0..<all.count { #expect(try RESP.first(in: Array(all[..<length])) == nil, "\(text)") }
            let found = try #require(try RESP.first(in: all + Array("+more".utf8)))
            #expect(found.value == expected && found.length == all.count)
        }
    }

    // MARK: PostgreSQL

    private func postgresql(isBatch: Bool) -> PostgreSQLWire {
        PostgreSQLWire(sale: 7, user: "u", database: "d", statement: "s", isBatch: isBatch)
    }

    private func number<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private func message(_ kind: String, _ content: [UInt8]) -> [UInt8] {
        Array(kind.utf8) + number(Int32(4 + content.count)) + content
    }

    /// Bind with these parameters, Execute, Sync.
    private func execution(_ parameters: [[UInt8]]) -> [UInt8] {
        let values = parameters.flatMap { number(Int32($0.count)) + $0 }
        let head: [UInt8] = [0] + Array("place".utf8) + [0] + number(Int16(1)) + number(Int16(1)) + number(Int16(4))
        let bind = message("B", head + values + number(Int16(1)) + number(Int16(1)))
        return bind + message("E", [0, 0, 0, 0, 0]) + message("S", [])
    }

    @Test func anOrderIsBindExecuteSync() {
        let order = Self.order(3, quantity: 300)
        let expected = execution([
            bytes(order.orderId), bytes(order.userId), number(Int64(7)), number(Int32(300)),
        ])
        #expect(request(postgresql(isBatch: false), [order]) == expected)
    }

    @Test func aBatchIsOneExecutionOverArrays() {
        let orders = [Self.order(3), Self.order(4, quantity: 20)]
        func array(_ type: Int32, _ values: [[UInt8]]) -> [UInt8] {
            [1, 0, type, Int32(values.count), 1].flatMap { number($0) }
                + values.flatMap { number(Int32($0.count)) + $0 }
        }
        let expected = execution([
            array(2950, orders.map { bytes($0.orderId) }), array(2950, orders.map { bytes($0.userId) }),
            number(Int64(7)), array(23, orders.map { number(Int32($0.quantity)) }),
        ])
        #expect(request(postgresql(isBatch: true), orders) == expected)
    }

    private func reply(_ value: [UInt8]) -> [UInt8] {
        message("2", []) + message("D", number(Int16(1)) + number(Int32(value.count)) + value)
            + message("C", Array("SELECT 1".utf8) + [0]) + message("Z", Array("I".utf8))
    }

    @Test func repliesOfPostgreSQLMayBeSplitAnywhere() throws {
        try isReadWhole(postgresql(isBatch: false), reply(number(Int32(0))), tally(1))
        try isReadWhole(postgresql(isBatch: false), reply(number(Int32(35))), tally(0, [35: 1]))
        let head: [Int32] = [1, 0, 23, 3, 1]
        let codes: [Int32] = [0, 33, 0]
        let array = head.flatMap { number($0) } + codes.flatMap { number(Int32(4)) + number($0) }
        try isReadWhole(postgresql(isBatch: true), reply(array), tally(2, [33: 1]))
    }

    @Test func anErrorOfPostgreSQLIsQuoted() {
        let content = Array("SERROR".utf8) + [0] + Array("C40P01".utf8) + [0] + Array("Mdeadlock".utf8) + [0, 0]
        let fault = #expect(throws: LoadError.self) {
            try self.read(self.postgresql(isBatch: false), self.message("E", content))
        }
        #expect(fault?.description == "PostgreSQL: deadlock (40P01)")
    }

    @Test func whatNoStatementAnswersIsAnError() {
        let short = reply([0, 0])
        let none = message("2", []) + message("Z", Array("I".utf8))
        let copy = message("G", [0])
        for bytes in [short, none, copy, Array("Z".utf8) + number(Int32(3))] {
            #expect(throws: LoadError.self) { try self.read(self.postgresql(isBatch: false), bytes) }
        }
        #expect(throws: LoadError.self) {
            try self.read(self.postgresql(isBatch: true), self.reply(self.number(Int32(0))))
        }
    }

    @Test func messagesMayBeSplitAnywhere() {
        let all = message("D", [1, 2, 3])
        for length in 0..<all.count { #expect(PostgreSQLConversation.first(in: Array(all[..<length])) == nil) }
        let found = PostgreSQLConversation.first(in: all + [0x5a])
        #expect(found?.length == all.count && found?.message.content == [1, 2, 3])
        #expect(found?.message.kind == UInt8(ascii: "D"))
    }
}

import Protocol

/// Orders as calls of a script in Redis, in RESP (https://redis.io/docs/reference/protocol-spec/): EVALSHA with the
/// keys of one sale. One order is a call of its own; a batch is one call, which answers an array of codes.
public struct RedisWire: OrderWire {
    /// What leads every request, up to the first argument that changes.
    private let single: [UInt8]
    private let keysOfBatch: [UInt8]
    /// Lua gives a call no more arguments than this and a few (LUAI_MAXCSTACK).
    public static let batchMax = 2000

    public static func saleKey(_ sale: UInt64) -> String { "sale:\(sale)" }
    public static func usersKey(_ sale: UInt64) -> String { "users:\(sale)" }
    public static let ordersKey = "orders"

    /// The names of the two scripts are their SHA-1 digests, as SCRIPT LOAD answers them.
    public init(sale: UInt64, orderScript: String, batchScript: String) {
        let keys = [Self.saleKey(sale), Self.usersKey(sale), Self.ordersKey].map { Array($0.utf8) }
        func call(_ script: String) -> [UInt8] {
            ([Array("EVALSHA".utf8), Array(script.utf8), Array("3".utf8)] + keys).flatMap { RESP.bulk($0) }
        }
        // The name, the script, the number of keys, three keys; then the time, the order, its user, its quantity.
        single = Array("*10\r\n".utf8) + call(orderScript)
        keysOfBatch = call(batchScript)
    }

    public func greet(_ socket: BlockingSocket) throws(LoadError) {}

    public func requestBytesMax(orders count: Int) -> Int { single.count + 64 + count * 96 }

    public func replyBytesMax(orders count: Int) -> Int { 64 + count * 24 }

    public func writeRequest(
        _ entries: UnsafeRawPointer, count: Int, nowMs: UInt64, to bytes: UnsafeMutableRawPointer
    ) -> Int {
        precondition(count <= Self.batchMax)
        var out = ByteWriter(bytes)
        if count == 1 {
            out.append(single)
        } else {
            out.append(UInt8(ascii: "*"))
            out.appendDigits(UInt64(7 + 3 * count))
            out.append("\r\n")
            out.append(keysOfBatch)
        }
        Self.append(number: nowMs, to: &out)
        // Ids and users as the 16 bytes that they are; all ids, then all users, then all quantities.
        for offset in [0, 16] {
            for index in 0..<count {
                out.append("$16\r\n")
                out.append(entries + index * OrderEntry.sizeBytes + offset, 16)
                out.append("\r\n")
            }
        }
        for index in 0..<count {
            Self.append(number: UInt64(OrderEntry(entries + index * OrderEntry.sizeBytes).quantity), to: &out)
        }
        return out.length
    }

    private static func append(number: UInt64, to out: inout ByteWriter) {
        var digits: UInt64 = 1
        var bound: UInt64 = 10
        while number >= bound && digits < 19 { (digits, bound) = (digits + 1, bound * 10) }
        out.append(UInt8(ascii: "$"))
        out.appendDigits(digits)
        out.append("\r\n")
        out.appendDigits(number)
        out.append("\r\n")
    }

    public func readReply(
        _ bytes: UnsafeRawPointer, count: Int, into tally: inout OrderTally
    ) throws(LoadError) -> Int {
        var reader = RESP.Reader(bytes, count)
        guard let first = try reader.header() else { return 0 }
        switch first {
        case .integer(let code):
            tally.add(try Self.code(code))
        case .array(let length):
            // Counted only when all are there: the next read sees the same bytes again.
            let start = reader
            for _ in 0..<length {
                guard let element = try reader.header() else { return 0 }
                guard case .integer = element else { throw Self.unexpected }
            }
            reader = start
            for _ in 0..<length {
                guard case .integer(let code)? = try reader.header() else { throw Self.unexpected }
                tally.add(try Self.code(code))
            }
        case .error(let length):
            guard let text = reader.text(length) else { return 0 }
            throw LoadError(description: "Redis: \(text)")
        default: throw Self.unexpected
        }
        return reader.offset
    }

    private static func code(_ number: Int) throws(LoadError) -> UInt16 {
        guard let code = UInt16(exactly: number) else { throw unexpected }
        return code
    }

    private static var unexpected: LoadError { LoadError(description: "Redis answered what no script here answers") }
}

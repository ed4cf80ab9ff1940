import Protocol

/// Orders as executions of a prepared statement in PostgreSQL (the extended query protocol, version 3: chapter 55 of
/// its manual): Bind, Execute and Sync for each, so that each is a transaction of its own, however many of them travel
/// together. A batch is one execution over arrays.
public struct PostgreSQLWire: OrderWire {
    private let sale: UInt64
    private let user: String
    private let database: String
    /// `$1` to `$4` are the order, its user, the sale, the quantity, of which all but the sale are arrays in a batch.
    private let statement: String
    private let isBatch: Bool

    private static let name = "place"
    private static let uuidType: Int32 = 2950
    private static let intType: Int32 = 23

    public init(sale: UInt64, user: String, database: String, statement: String, isBatch: Bool) {
        self.sale = sale
        self.user = user
        self.database = database
        self.statement = statement
        self.isBatch = isBatch
    }

    public func greet(_ socket: BlockingSocket) throws(LoadError) {
        var conversation = PostgreSQLConversation(socket)
        try conversation.begin(user: user, database: database)
        try conversation.prepare(Self.name, statement)
    }

    public func requestBytesMax(orders count: Int) -> Int { 256 + count * 48 }

    public func replyBytesMax(orders count: Int) -> Int { 4096 + count * 8 }

    public func writeRequest(
        _ entries: UnsafeRawPointer, count: Int, nowMs: UInt64, to bytes: UnsafeMutableRawPointer
    ) -> Int {
        precondition(isBatch || count == 1)
        var out = ByteWriter(bytes)
        out.append("B")
        let lengthPlace = out.length
        out.appendBE(Int32(0))
        out.append("\0place\0")
        // One format for all: binary. So for the result.
        out.appendBE(Int16(1))
        out.appendBE(Int16(1))
        out.appendBE(Int16(4))
        for offset in [0, 16] {
            append(arrayOf: Self.uuidType, sizeBytes: 16, count, to: &out) { index, out in
                out.append(entries + index * OrderEntry.sizeBytes + offset, 16)
            }
        }
        out.appendBE(Int32(8))
        out.appendBE(sale)
        append(arrayOf: Self.intType, sizeBytes: 4, count, to: &out) { index, out in
            out.appendBE(OrderEntry(entries + index * OrderEntry.sizeBytes).quantity)
        }
        out.appendBE(Int16(1))
        out.appendBE(Int16(1))
        out.storeBE(Int32(out.length - lengthPlace), at: lengthPlace)
        out.append("E")
        out.appendBE(Int32(9))
        out.append("\0\0\0\0\0")
        out.append("S")
        out.appendBE(Int32(4))
        return out.length
    }

    /// A parameter: one value, or in a batch an array of them with its head.
    private func append(
        arrayOf type: Int32, sizeBytes: Int, _ count: Int, to out: inout ByteWriter,
        each: (Int, inout ByteWriter) -> Void
    ) {
        guard isBatch else {
            out.appendBE(Int32(sizeBytes))
            return each(0, &out)
        }
        out.appendBE(Int32(20 + count * (4 + sizeBytes)))
        // One dimension, no nulls, the type, so many, the first of them number 1.
        for word in [1, 0, type, Int32(count), 1] { out.appendBE(word) }
        for index in 0..<count {
            out.appendBE(Int32(sizeBytes))
            each(index, &out)
        }
    }

    public func readReply(
        _ bytes: UnsafeRawPointer, count: Int, into tally: inout OrderTally
    ) throws(LoadError) -> Int {
        var end = 0
        var row: UnsafeRawPointer?
        // A message is its kind, its length (which counts itself, not the kind), its content.
        while true {
            guard count - end >= 5 else { return 0 }
            let kind = (bytes + end).load(as: UInt8.self)
            let length = Self.int(bytes + end + 1)
            guard length >= 4 else { throw Self.unexpected }
            guard count - end > length else { return 0 }
            let content = bytes + end + 5
            end += 1 + length
            switch kind {
            case UInt8(ascii: "D"): row = content
            case UInt8(ascii: "E"):
                throw PostgreSQLConversation.fault(Array(UnsafeRawBufferPointer(start: content, count: length - 4)))
            case UInt8(ascii: "Z"):
                // Of one column: how many there are, its length, its bytes.
                guard let row else { throw Self.unexpected }
                try take(row + 6, length: Self.int(row + 2), into: &tally)
                return end
            // BindComplete, CommandComplete, NoticeResponse, ParameterStatus.
            case UInt8(ascii: "2"), UInt8(ascii: "C"), UInt8(ascii: "N"), UInt8(ascii: "S"): break
            default: throw Self.unexpected
            }
        }
    }

    private func take(_ value: UnsafeRawPointer, length: Int, into tally: inout OrderTally) throws(LoadError) {
        guard isBatch else {
            guard length == 4 else { throw Self.unexpected }
            return tally.add(UInt16(truncatingIfNeeded: Self.int(value)))
        }
        guard length >= 20 else { throw Self.unexpected }
        let results = Self.int(value + 12)
        guard length == 20 + 8 * results else { throw Self.unexpected }
        for index in 0..<results { tally.add(UInt16(truncatingIfNeeded: Self.int(value + 24 + 8 * index))) }
    }

    private static func int(_ bytes: UnsafeRawPointer) -> Int {
        Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    }

    private static var unexpected: LoadError {
        LoadError(description: "PostgreSQL answered what no statement here answers")
    }
}

/// How orders travel to a server that does not speak timesale's protocol, and how its answers are told apart.
///
/// A client library of that server would bring a loop, threads and buffers of its own, and would be half of what is
/// measured. A wire only turns entries into bytes, and bytes into results: sockets, loop, depth, clock, ids and users
/// are the generator's, the same for every server. Replies come in the order of the requests of their connection, as
/// in RESP, in PostgreSQL's protocol and in HTTP/1.1.
public protocol OrderWire: Sendable {
    /// Makes a fresh connection ready, blocking: logs in, prepares what requests will name.
    func greet(_ socket: BlockingSocket) throws(LoadError)

    /// The most bytes that a request with so many orders takes.
    func requestBytesMax(orders count: Int) -> Int

    /// The most bytes that a reply to so many orders takes.
    func replyBytesMax(orders count: Int) -> Int

    /// Writes one request with the order entries at `entries`, and answers its length.
    func writeRequest(
        _ entries: UnsafeRawPointer, count: Int, nowMs: UInt64, to bytes: UnsafeMutableRawPointer
    ) -> Int

    /// Adds the results of the first reply in `count` bytes to `tally`, and answers its length; 0 if it is not all
    /// there yet. Throws where the server reports an error, or answers what nobody asked for.
    func readReply(_ bytes: UnsafeRawPointer, count: Int, into tally: inout OrderTally) throws(LoadError) -> Int
}

/// Results of orders: contestants answer with the numbers of timesale's own result codes.
public struct OrderTally: Equatable, Sendable {
    public var accepted: UInt64 = 0
    /// Refused orders by code.
    public var refused: [UInt16: UInt64] = [:]

    public init() {}

    @inline(__always)
    public mutating func add(_ code: UInt16) {
        if code == 0 { accepted += 1 } else { refused[code, default: 0] += 1 }
    }
}

/// Appends to memory that somebody else has made large enough.
struct ByteWriter {
    private let start: UnsafeMutableRawPointer
    private(set) var length = 0

    init(_ start: UnsafeMutableRawPointer) { self.start = start }

    mutating func append(_ byte: UInt8) {
        start.storeBytes(of: byte, toByteOffset: length, as: UInt8.self)
        length += 1
    }

    mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        (start + length).copyMemory(from: bytes, byteCount: count)
        length += count
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { if $0.count > 0 { append($0.baseAddress!, $0.count) } }
    }

    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    /// In digits.
    mutating func appendDigits(_ number: UInt64) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = number
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            append(digits.baseAddress! + first, 20 - first)
        }
    }

    /// Most significant byte first.
    mutating func appendBE<T: FixedWidthInteger>(_ number: T) {
        (start + length).storeBytes(of: number.bigEndian, as: T.self)
        length += MemoryLayout<T>.size
    }

    /// Writes a length where room was left for it.
    func storeBE(_ number: Int32, at offset: Int) {
        start.storeBytes(of: number.bigEndian, toByteOffset: offset, as: Int32.self)
    }
}

import NIOCore

/// Writes JSON into memory of its own, in one pass and without intermediate values.
struct JSONWriter: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// - Parameter capacity: in bytes; it grows when that is not enough.
    init(capacity: Int = 512) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { base.deallocate() }

    /// What has been written.
    var buffer: ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        buffer.writeBytes(UnsafeRawBufferPointer(start: base, count: count))
        return buffer
    }

    /// Room for `more` bytes, which the caller fills at once.
    @inline(__always)
    private mutating func room(_ more: Int) -> UnsafeMutablePointer<UInt8> {
        if count + more > capacity { grow(more) }
        defer { count += more }
        return base + count
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    @inline(__always)
    mutating func byte(_ byte: UInt8) { room(1).pointee = byte }

    mutating func raw(_ text: StaticString) {
        room(text.utf8CodeUnitCount).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// A comma, unless what is written next is the first of its object or array, or the value of a key.
    @inline(__always)
    private mutating func separate() {
        guard count > 0 else { return }
        switch base[count - 1] {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"), UInt8(ascii: ","): break
        default: byte(UInt8(ascii: ","))
        }
    }

    mutating func begin() {
        separate()
        byte(UInt8(ascii: "{"))
    }
    mutating func end() { byte(UInt8(ascii: "}")) }
    mutating func beginArray() {
        separate()
        byte(UInt8(ascii: "["))
    }
    mutating func endArray() { byte(UInt8(ascii: "]")) }

    mutating func key(_ name: StaticString) {
        separate()
        byte(UInt8(ascii: "\""))
        raw(name)
        raw("\":")
    }

    mutating func key(_ name: String) {
        text(name)
        byte(UInt8(ascii: ":"))
    }

    mutating func null() {
        separate()
        raw("null")
    }

    mutating func flag(_ value: Bool) {
        separate()
        raw(value ? "true" : "false")
    }

    mutating func number(_ value: UInt64) {
        separate()
        digits(value)
    }

    /// The quote before a text that is written piece by piece.
    mutating func opening() {
        separate()
        byte(UInt8(ascii: "\""))
    }

    /// A text that is known to need no escapes.
    mutating func plain(_ text: StaticString) {
        separate()
        byte(UInt8(ascii: "\""))
        raw(text)
        byte(UInt8(ascii: "\""))
    }

    /// A 64-bit id: a text, since not every reader of JSON keeps more than 53 bits of a number.
    mutating func id(_ value: UInt64) {
        separate()
        byte(UInt8(ascii: "\""))
        digits(value)
        byte(UInt8(ascii: "\""))
    }

    mutating func uuid(_ high: UInt64, _ low: UInt64) {
        separate()
        let place = room(38)
        place[0] = UInt8(ascii: "\"")
        var offset = 1
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            if shift == 28 || shift == 12 {
                place[offset] = UInt8(ascii: "-")
                offset += 1
            }
            place[offset] = Self.hexDigit(high >> shift)
            offset += 1
        }
        place[offset] = UInt8(ascii: "-")
        offset += 1
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            if shift == 44 {
                place[offset] = UInt8(ascii: "-")
                offset += 1
            }
            place[offset] = Self.hexDigit(low >> shift)
            offset += 1
        }
        place[offset] = UInt8(ascii: "\"")
    }

    @inline(__always)
    private static func hexDigit(_ value: UInt64) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value & 15)
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
    }

    mutating func digits(_ value: UInt64) {
        var rest = value
        var length = 1
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        let place = room(length)
        rest = value
        for offset in stride(from: length - 1, through: 0, by: -1) {
            place[offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// `value` with as many digits as `width`, zeros in front.
    mutating func padded(_ value: UInt64, _ width: Int) {
        let place = room(width)
        var rest = value
        for offset in stride(from: width - 1, through: 0, by: -1) {
            place[offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    mutating func text(_ text: String) {
        separate()
        byte(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            for code in bytes {
                switch code {
                case UInt8(ascii: "\""): raw("\\\"")
                case UInt8(ascii: "\\"): raw("\\\\")
                case UInt8(ascii: "\n"): raw("\\n")
                case UInt8(ascii: "\r"): raw("\\r")
                case UInt8(ascii: "\t"): raw("\\t")
                case 0..<0x20:
                    raw("\\u00")
                    byte(Self.hexDigit(UInt64(code) >> 4))
                    byte(Self.hexDigit(UInt64(code)))
                default: byte(code)
                }
            }
        }
        byte(UInt8(ascii: "\""))
    }

    /// Text that is JSON already.
    mutating func verbatim(_ bytes: some Collection<UInt8>) {
        separate()
        for code in bytes { byte(code) }
    }
}

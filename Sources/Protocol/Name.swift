/// UTF-8 text of at most 78 bytes in place, as names of sales travel: two bytes of length, then the
/// bytes, then zeros.
public struct Name: Equatable, Sendable, BitwiseCopyable {
    public static let countMax = 78
    public static let sizeBytes = 80

    // Ten words: the 80 bytes of the field as they stand on the wire.
    @usableFromInline
    var storage: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    public init() {}

    /// Nil if the text is longer than 78 bytes.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Name.countMax else { return nil }
        withUnsafeMutableBytes(of: &storage) { field in
            field.baseAddress!.storeLE(UInt16(bytes.count), 0)
            field[2..<(2 + bytes.count)].copyBytes(from: bytes)
        }
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        withUnsafeMutableBytes(of: &storage) { field in
            field.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: Name.sizeBytes))
        }
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        withUnsafeBytes(of: storage) { bytes.copyMemory(from: $0.baseAddress!, byteCount: Name.sizeBytes) }
    }

    @inlinable
    public var count: Int { withUnsafeBytes(of: storage) { Int($0.baseAddress!.loadLE(0, as: UInt16.self)) } }

    /// Whether the length is in range, the text is UTF-8 without control characters, and zeros follow it.
    public var isValid: Bool {
        withUnsafeBytes(of: storage) { Text.isValid($0, from: 2, count: count) }
    }

    public var text: String {
        withUnsafeBytes(of: storage) { String(decoding: $0[2..<(2 + min(count, Name.countMax))], as: UTF8.self) }
    }

    public static func == (left: Name, right: Name) -> Bool {
        withUnsafeBytes(of: left.storage) { a in
            withUnsafeBytes(of: right.storage) { b in a.elementsEqual(b) }
        }
    }
}

/// UTF-8 text of at most 31 bytes in place, as the reason of a transaction travels: one byte of length, then the
/// bytes, then zeros.
public struct Reason: Equatable, Sendable, BitwiseCopyable {
    public static let countMax = 31
    public static let sizeBytes = 32

    /// The 32 bytes of the field as they stand on the wire.
    @usableFromInline var words: SIMD4<UInt64> = .zero

    public init() {}

    /// Nil if the text is longer than 31 bytes.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Reason.countMax else { return nil }
        withUnsafeMutableBytes(of: &words) { field in
            field[0] = UInt8(bytes.count)
            field[1..<(1 + bytes.count)].copyBytes(from: bytes)
        }
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        words = bytes.loadUnaligned(as: SIMD4<UInt64>.self)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: words, as: SIMD4<UInt64>.self)
    }

    /// Whether all of the field is zero: no reason.
    @inlinable @inline(__always)
    public var isEmpty: Bool { words == .zero }

    /// Whether the length is in range, the text is UTF-8 without control characters, and zeros follow it.
    @inlinable @inline(__always)
    public var isValid: Bool { isEmpty || isValidText }

    @usableFromInline
    var isValidText: Bool {
        withUnsafeBytes(of: words) { Text.isValid($0, from: 1, count: Int($0[0])) }
    }

    public var text: String {
        withUnsafeBytes(of: words) {
            String(decoding: $0[1..<(1 + min(Int($0[0]), Reason.countMax))], as: UTF8.self)
        }
    }
}

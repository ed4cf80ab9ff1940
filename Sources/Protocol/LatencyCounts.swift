/// Durations counted by their size: 16 classes, each twice as long as the one before it.
///
///     offset  size  field
///          0     8  those of at most 64 us
///      8 * i     8  those longer than class i - 1, of at most 64 << i us
///        120     8  those longer than 2^20 us
public struct LatencyCounts: Sendable, Equatable {
    public static let count = 16
    public static let sizeBytes = count * 8

    @usableFromInline
    var counts: InlineArray<16, UInt64>

    @inlinable
    public init() { counts = InlineArray(repeating: 0) }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        counts = InlineArray(repeating: 0)
        for index in 0..<Self.count { counts[index] = bytes.loadLE(index * 8) }
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        for index in 0..<Self.count { bytes.storeLE(counts[index], index * 8) }
    }

    /// The longest duration of a class; nil for the last one, which has no bound.
    @inlinable
    public static func boundUs(_ index: Int) -> UInt64? { index < count - 1 ? 64 << UInt64(index) : nil }

    /// In microseconds.
    @inlinable @inline(__always)
    public mutating func add(us: UInt64) {
        // 0 for 1 ... 64, 1 for 65 ... 128, 2 for 129 ... 256, and so on.
        let index = UInt64.bitWidth &- ((max(us, 1) &- 1) >> 6).leadingZeroBitCount
        counts[min(index, Self.count &- 1)] &+= 1
    }

    @inlinable
    public subscript(index: Int) -> UInt64 {
        get { counts[index] }
        set { counts[index] = newValue }
    }

    @inlinable
    public static func == (left: LatencyCounts, right: LatencyCounts) -> Bool {
        for index in 0..<count where left.counts[index] != right.counts[index] { return false }
        return true
    }
}

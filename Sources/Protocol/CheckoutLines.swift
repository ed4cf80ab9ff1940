/// A sale and how many units of it.
public struct CheckoutLine: Equatable, Sendable, BitwiseCopyable {
    public var saleId: UInt64
    public var quantity: UInt32

    @inlinable
    public init(saleId: UInt64, quantity: UInt32) {
        self.saleId = saleId
        self.quantity = quantity
    }
}

/// Up to 16 lines in place, as they travel; places behind the last are zero.
///
///     offset  size  field of each place, 16 bytes
///          0     8  saleId
///          8     4  quantity
///         12     4  reserved: 0
public struct CheckoutLines: Equatable, Sendable, BitwiseCopyable {
    public static let countMax = 16
    public static let lineSizeBytes = 16
    public static let sizeBytes = countMax * lineSizeBytes

    // 32 words: two for each place, as they stand on the wire.
    @usableFromInline
    var storage:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    @inlinable
    public init() {}

    /// Nil if there are more than 16.
    public init?(_ lines: some Collection<CheckoutLine>) {
        guard lines.count <= Self.countMax else { return nil }
        for (index, line) in lines.enumerated() { self[index] = line }
    }

    /// Has a label, since an array of lines would pass for a pointer to bytes.
    @inlinable
    public init(at bytes: UnsafeRawPointer) {
        withUnsafeMutableBytes(of: &storage) { places in
            places.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: Self.sizeBytes))
        }
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        withUnsafeBytes(of: storage) { bytes.copyMemory(from: $0.baseAddress!, byteCount: Self.sizeBytes) }
    }

    @inlinable
    public subscript(_ index: Int) -> CheckoutLine {
        get { withUnsafeBytes(of: storage) { Self.load($0.baseAddress!, index) } }
        set { withUnsafeMutableBytes(of: &storage) { Self.store(newValue, index, in: $0.baseAddress!) } }
    }

    /// The line at one of the 16 places that lie at `bytes`.
    @inlinable
    public static func load(_ bytes: UnsafeRawPointer, _ index: Int) -> CheckoutLine {
        precondition(index >= 0 && index < countMax)
        let place = bytes + index * lineSizeBytes
        return CheckoutLine(saleId: place.loadLE(0), quantity: place.loadLE(8))
    }

    /// Puts a line into one of the 16 places that lie at `bytes`.
    @inlinable
    public static func store(_ line: CheckoutLine, _ index: Int, in bytes: UnsafeMutableRawPointer) {
        precondition(index >= 0 && index < countMax)
        let place = bytes + index * lineSizeBytes
        place.storeLE(line.saleId, 0)
        place.storeLE(UInt64(line.quantity), 8)
    }

    /// The first `count` of them.
    public func first(_ count: Int) -> [CheckoutLine] { (0..<count).map { self[$0] } }

    /// Whether the reserved bytes of the first `count` places are zero, and all of those behind them.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        var rest: UInt64 = 0
        for index in 0..<countMax {
            let place = bytes + index * lineSizeBytes
            rest |= place.loadLE(8, as: UInt64.self) >> (index < count ? 32 : 0)
            if index >= count { rest |= place.loadLE(0, as: UInt64.self) }
        }
        return rest == 0
    }

    public static func == (left: CheckoutLines, right: CheckoutLines) -> Bool {
        withUnsafeBytes(of: left.storage) { a in
            withUnsafeBytes(of: right.storage) { b in a.elementsEqual(b) }
        }
    }
}

/// Memory for large reply frames, from the heap in powers of two, and kept for the next one: orders of other
/// shards allocate nothing once as many frames were open together as will be.
///
/// What is in use stays below `inUseMaxBytes`, as asked for. With rounding, and with what is kept, it is at
/// most twice that: beyond it everything kept is given back.
struct FramePool: ~Copyable {
    static let inUseMaxBytes = 64 << 20
    private static let classCount = 32

    /// The first kept block of each power of two; the first word of a block is the next one.
    private let kept: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var inUseBytes = 0
    /// In use and kept.
    private(set) var allocatedBytes = 0

    init() {
        kept = .allocate(capacity: Self.classCount)
        kept.initialize(repeating: nil, count: Self.classCount)
    }

    deinit {
        Self.giveBack(kept)
        kept.deallocate()
    }

    /// The power of two that holds `sizeBytes`.
    @inline(__always)
    private static func exponent(_ sizeBytes: Int) -> Int {
        Int.bitWidth &- (max(sizeBytes, 64) &- 1).leadingZeroBitCount
    }

    /// Memory for a frame, or nil at the bound.
    mutating func take(_ sizeBytes: Int) -> UnsafeMutableRawPointer? {
        guard inUseBytes + sizeBytes <= Self.inUseMaxBytes else { return nil }
        inUseBytes += sizeBytes
        let exponent = Self.exponent(sizeBytes)
        guard let block = kept[exponent] else { return allocate(1 << exponent) }
        kept[exponent] = block.load(as: UnsafeMutableRawPointer?.self)
        return block
    }

    /// Takes back what `take` gave for as many bytes.
    mutating func put(_ block: UnsafeMutableRawPointer, _ sizeBytes: Int) {
        inUseBytes -= sizeBytes
        let exponent = Self.exponent(sizeBytes)
        block.storeBytes(of: kept[exponent], as: UnsafeMutableRawPointer?.self)
        kept[exponent] = block
    }

    @inline(never)
    private mutating func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        if allocatedBytes + sizeBytes > 2 * Self.inUseMaxBytes { allocatedBytes -= Self.giveBack(kept) }
        allocatedBytes += sizeBytes
        return .allocate(byteCount: sizeBytes, alignment: 16)
    }

    /// Returns what is kept to the heap, and answers how much that was.
    @discardableResult
    private static func giveBack(_ kept: UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int {
        var sizeBytes = 0
        for exponent in 0..<classCount {
            while let block = kept[exponent] {
                kept[exponent] = block.load(as: UnsafeMutableRawPointer?.self)
                block.deallocate()
                sizeBytes += 1 << exponent
            }
        }
        return sizeBytes
    }
}

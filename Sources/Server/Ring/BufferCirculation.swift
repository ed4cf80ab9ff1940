/// How many receive buffers go round between the kernel and the shard: as few as are needed. The kernel takes them in
/// turn, so that all that go round are written before the first one is written again; the fewer, the more of them and
/// of the tables beside them are in the cache.
///
/// The kernel must never be without: a receive that finds none ends, and has to begin anew. So their number doubles as
/// soon as the kernel has used up three quarters, and falls by one where it has long had more than half left.
struct BufferCirculation {
    static let countMin = 8
    /// Buffers that are read between two looks at whether fewer would do.
    static let lookInterval = 128

    /// Buffers that there are.
    let total: Int
    /// Those that go round. The others are kept back.
    private(set) var count: Int
    /// The fewest that the kernel has had since the last look.
    private var fewest: Int
    private var read = 0

    init(total: Int) {
        self.total = total
        count = min(Self.countMin, total)
        fewest = count
    }

    /// The kernel has filled a buffer and has so many left. Answers how many of those that were kept back it is to get.
    @inline(__always)
    mutating func filled(left: Int) -> Int {
        fewest = min(fewest, left)
        guard left < count / 4, count < total else { return 0 }
        let more = min(count, total - count)
        count += more
        lookAgain()
        return more
    }

    /// A buffer has been read. Answers whether it is to be kept back; else the kernel gets it.
    @inline(__always)
    mutating func isKeptBack() -> Bool {
        read += 1
        guard read >= Self.lookInterval else { return false }
        let isSpare = fewest > count / 2 && count > Self.countMin
        if isSpare { count -= 1 }
        lookAgain()
        return isSpare
    }

    private mutating func lookAgain() {
        read = 0
        fewest = count
    }
}

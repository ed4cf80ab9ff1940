/// Units that go back into the stock once the event that released them is durable.
///
/// Were they sold before, the order of another shard could reach its disk first, and a crash between the
/// two would leave both: oversold. One entry for each release event of blocks that are not durable yet,
/// in the order of LSNs; the bound follows from the bytes of those blocks.
struct ReleaseQueue: ~Copyable {
    struct Release: BitwiseCopyable {
        var lsn: UInt64
        var sale: UInt32
        var quantity: UInt32
    }

    /// More than the release events (of 32 bytes each) of all blocks that can be on their way.
    static let countMax = 1 << 18

    let ring: UnsafeMutablePointer<Release>
    private var head = 0
    private var tail = 0

    init(memory: MemorySource) { ring = memory.table(of: Release.self, count: Self.countMax) }

    var isEmpty: Bool { head == tail }

    /// Whether one operation's releases fit.
    @inline(__always)
    var hasRoom: Bool { tail &- head <= Self.countMax - 64 }

    /// The LSN that the oldest release waits for; only when not empty.
    var firstLsn: UInt64 { ring[head & (Self.countMax - 1)].lsn }

    mutating func append(lsn: UInt64, sale: UInt32, quantity: UInt32) {
        precondition(tail - head < Self.countMax)
        ring[tail & (Self.countMax - 1)] = Release(lsn: lsn, sale: sale, quantity: quantity)
        tail += 1
    }

    /// The oldest release if its event is durable, taken out.
    mutating func next(durableLsn: UInt64) -> Release? {
        guard head != tail else { return nil }
        let release = ring[head & (Self.countMax - 1)]
        guard release.lsn <= durableLsn else { return nil }
        head += 1
        return release
    }
}

import CAtomics
import Protocol

/// A hash index over records that live elsewhere: open addressing, eight bytes an entry, a cache line of
/// eight entries the unit of a search.
///
///     entry   63          32 31           0
///            +--------------+--------------+      tag: the upper half of the key's hash
///            |     tag      |    handle    |      handle: the owner's name for the record, never 0
///            +--------------+--------------+      an entry of 0 is free
///
/// An entry lies in its home line, or in the first one behind it that had room: a search ends at a line with
/// a free entry. The home follows from the tag alone, so that a removal can close the gap without reading
/// records. The caller compares keys. Sized for its most entries at a load of three quarters; never grows.
struct Index: ~Copyable {
    private let entries: UnsafeMutablePointer<UInt64>
    private let lineCount: UInt64
    private(set) var count = 0
    let countMax: Int
    /// Whether entries have been removed, so that an empty index is not one that was never touched.
    private var hasRemoved = false

    private static let lineEntries = 8

    /// `isPopulated`: resident from the start, since the first entries already lie all over it.
    init(countMax: Int, memory: MemorySource, isPopulated: Bool = true) {
        self.countMax = countMax
        let lines = (countMax + countMax / 3 + 16 + Self.lineEntries - 1) / Self.lineEntries
        precondition(lines < 1 << 32, "home lines are computed from 32 bits")
        lineCount = UInt64(lines)
        entries = memory.table(of: UInt64.self, count: lines * Self.lineEntries)
        precondition(UInt(bitPattern: entries) & 63 == 0, "an index lies on cache lines")
        if isPopulated { memory.populate(UnsafeMutableRawPointer(entries), sizeBytes) }
    }

    private var sizeBytes: Int { Int(lineCount) * Self.lineEntries * 8 }

    /// Not used, or all of it.
    var growingTable: GrowingTable {
        GrowingTable(
            base: UnsafeMutableRawPointer(entries), usedBytes: count == 0 && !hasRemoved ? 0 : sizeBytes,
            sizeBytes: sizeBytes)
    }

    @inline(__always)
    private func home(_ hash: UInt64) -> UInt64 { ((hash &>> 32) &* lineCount) &>> 32 }

    /// Where a search for this hash begins.
    @inline(__always)
    func place(_ hash: UInt64) -> UnsafeRawPointer {
        UnsafeRawPointer(entries + Int(truncatingIfNeeded: home(hash) &* 8))
    }

    @inline(__always)
    func prefetch(_ hash: UInt64) { ts_prefetch_read(place(hash)) }

    /// Begins a search: the handles that may belong to a key with this hash.
    @inline(__always)
    func probe(_ hash: UInt64) -> Probe {
        Probe(entries: entries, lineCount: lineCount, line: home(hash), tag: UInt32(truncatingIfNeeded: hash &>> 32))
    }

    /// A walk along one probe sequence. `next` answers 0 at its end.
    struct Probe {
        private let entries: UnsafeMutablePointer<UInt64>
        private let lineCount: UInt64
        private var line: UInt64
        private let tag: UInt32
        /// What `ts_search_line` found in the line, less what has been handed out.
        private var found: UInt32

        private static let matches: UInt32 = 0xaaaa
        private static let free: UInt32 = 0x5555

        @inline(__always)
        fileprivate init(entries: UnsafeMutablePointer<UInt64>, lineCount: UInt64, line: UInt64, tag: UInt32) {
            self.entries = entries
            self.lineCount = lineCount
            self.line = line
            self.tag = tag
            found = ts_search_line(entries + Int(truncatingIfNeeded: line &* 8), tag)
        }

        @inline(__always)
        mutating func next() -> UInt32 {
            while true {
                let matches = found & Self.matches
                if matches != 0 {
                    found &= ~(matches & (0 &- matches))
                    let position = Int(truncatingIfNeeded: line &* 8) &+ matches.trailingZeroBitCount &>> 1
                    let handle = UInt32(truncatingIfNeeded: entries[position])
                    // A free entry looks like one with the tag 0.
                    if handle != 0 { return handle }
                    continue
                }
                if found & Self.free != 0 { return 0 }
                line &+= 1
                if line == lineCount { line = 0 }
                found = ts_search_line(entries + Int(truncatingIfNeeded: line &* 8), tag)
            }
        }
    }

    /// Adds a handle under a hash. The caller has made sure that the key is not there and that
    /// `count < countMax`.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ handle: UInt32) {
        precondition(count < countMax && handle != 0)
        var line = home(hash)
        var free = freeEntries(line)
        while free == 0 {
            line &+= 1
            if line == lineCount { line = 0 }
            free = freeEntries(line)
        }
        let position = Int(truncatingIfNeeded: line &* 8) &+ free.trailingZeroBitCount &>> 1
        entries[position] = (hash &>> 32) &<< 32 | UInt64(handle)
        count &+= 1
    }

    /// Removes the entry of a handle. Answers whether there was one.
    ///
    /// A search ends at a line with a free entry, so that a line which was full must not simply get one: entries may
    /// lie behind it that had found no room there. One of those moves into the gap, and leaves one of its own.
    @discardableResult
    mutating func remove(_ hash: UInt64, _ handle: UInt32) -> Bool {
        let wanted = (hash &>> 32) &<< 32 | UInt64(handle)
        var line = home(hash)
        var gap: Int
        while true {
            if let found = entry(in: line, where: { $0 == wanted }) {
                gap = found
                break
            }
            if freeEntries(line) != 0 { return false }
            line = lineBehind(line)
        }
        var isOpen = freeEntries(line) != 0
        entries[gap] = 0
        count -= 1
        hasRemoved = true
        var next = line
        while !isOpen {
            next = lineBehind(next)
            isOpen = freeEntries(next) != 0
            // Those whose search passes the gap: at home at its line or before it.
            let reach = distance(from: line, to: next)
            let found = entry(in: next) {
                UInt32(truncatingIfNeeded: $0) != 0 && distance(from: home($0), to: next) >= reach
            }
            guard let moved = found else { continue }
            entries[gap] = entries[moved]
            entries[moved] = 0
            gap = moved
            line = next
        }
        return true
    }

    /// The first entry of a line that is as wanted.
    private func entry(in line: UInt64, where isWanted: (UInt64) -> Bool) -> Int? {
        let first = Int(line) * Self.lineEntries
        for position in first..<(first + Self.lineEntries) where isWanted(entries[position]) { return position }
        return nil
    }

    private func lineBehind(_ line: UInt64) -> UInt64 { line + 1 == lineCount ? 0 : line + 1 }

    /// Lines from one to another, over the end of the table.
    private func distance(from line: UInt64, to other: UInt64) -> UInt64 {
        other >= line ? other - line : other + lineCount - line
    }

    @inline(__always)
    private func freeEntries(_ line: UInt64) -> UInt32 {
        ts_search_line(entries + Int(truncatingIfNeeded: line &* 8), 0) & 0x5555
    }
}

extension Id128 {
    /// A hash that a client cannot aim at one bucket: `seed` is drawn at the start of the process.
    ///
    /// Two folded multiplications (the round of wyhash, Wang Yi, 2019): each order is hashed several times
    /// while its lines are being loaded, so that the hash has to be cheaper than keeping its value.
    @inline(__always)
    func hash(seed: UInt64) -> UInt64 {
        let first = Self.foldedProduct(low ^ seed, high ^ 0xa076_1d64_78bd_642f)
        return Self.foldedProduct(first ^ 0xe703_7ed1_a0b4_28db, seed | 1)
    }

    @inline(__always)
    private static func foldedProduct(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

import CAtomics
import Protocol

/// A hash index over records that live elsewhere: open addressing, eight bytes an entry, a cache line of
/// eight entries the unit of a search.
///
///     hash    63          32 31           0
///            +--------------+--------------+      tag: kept, to be compared
///            |     tag      |     home     |      home: of the 2^32-th parts of the table, that at which a
///            +--------------+--------------+            search begins
///     entry   63          32 31           0
///            +--------------+--------------+      handle: the owner's name for the record, never 0
///            |     tag      |    handle    |      an entry of 0 is free
///            +--------------+--------------+
///
/// An entry lies in the first line of its search that had room: its home line, the one beside it, then lines far
/// apart all over the table, the first of which its tag gives. A search ends at a line with a free entry. Lines
/// that were passed because they were full count it (`spills`); what leaves such a line leaves a gap that a search
/// passes too, until all that were passed on have left. The caller compares keys. Sized for its most entries at a
/// load of three quarters; never grows.
///
/// The home of a key that has a time may follow from that: see `hash(_:atMs:)`. So a region of the table may be full
/// while others are empty. That is why a search does not walk on to the next line and the next: from a full region it
/// leaves at once, and from then on goes as in a table that is evenly full.
struct Index: ~Copyable {
    private let entries: UnsafeMutablePointer<UInt64>
    private let lineCount: UInt64
    /// Of each line, how many entries have been passed on from it that are there: 255 for so many or more, for ever.
    private let spills: UnsafeMutablePointer<UInt8>
    /// From one line of a search to the next one, once it is far from home. Without a common divisor with
    /// `lineCount`, so that it comes to every line, and near the golden section of it, so that searches of
    /// neighbours part.
    private let jump: UInt64
    /// By how much homes move on in a millisecond, in 2^32-th parts of the table.
    private let homesAMs: UInt64
    private(set) var count = 0
    let countMax: Int
    /// Whether entries have been removed, so that an empty index is not one that was never touched.
    private var hasRemoved = false

    private static let lineEntries = 8
    /// Lines that homes move on by in a millisecond. More than a shard fills, so that hardly any line of a rush is
    /// full; few enough for the lines of several milliseconds to be reached through addresses that the processor has
    /// at hand.
    private static let linesAMs: UInt64 = 8192
    /// What was removed from a line that entries have been passed on from.
    private static let gap = UInt64.max
    private static let gapHandle = UInt32.max

    /// `isPopulated`: resident from the start, since the first entries already lie all over it.
    init(countMax: Int, memory: MemorySource, isPopulated: Bool = true) {
        self.countMax = countMax
        // An even number, so that each line has one beside it.
        let pairs = (countMax + countMax / 3 + 16 + 2 * Self.lineEntries - 1) / (2 * Self.lineEntries)
        precondition(pairs < 1 << 31, "lines are computed from 32 bits")
        lineCount = UInt64(2 * pairs)
        homesAMs = (min(Self.linesAMs, lineCount) << 32) / lineCount
        jump = Self.jump(lineCount)
        entries = memory.table(of: UInt64.self, count: 2 * pairs * Self.lineEntries)
        spills = memory.table(of: UInt8.self, count: 2 * pairs)
        precondition(UInt(bitPattern: entries) & 63 == 0, "an index lies on cache lines")
        guard isPopulated else { return }
        memory.populate(UnsafeMutableRawPointer(entries), sizeBytes)
        memory.populate(UnsafeMutableRawPointer(spills), 2 * pairs)
    }

    private static func jump(_ lineCount: UInt64) -> UInt64 {
        var jump = UInt64(Double(lineCount) * 0.618) | 1
        while greatestCommonDivisor(jump, lineCount) != 1 { jump += 2 }
        return jump % lineCount
    }

    private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }

    private var sizeBytes: Int { Int(lineCount) * Self.lineEntries * 8 }

    /// Not used, or all of it.
    var growingTable: GrowingTable {
        GrowingTable(
            base: UnsafeMutableRawPointer(entries), usedBytes: count == 0 && !hasRemoved ? 0 : sizeBytes,
            sizeBytes: sizeBytes)
    }

    // MARK: Homes

    /// A hash of the same tag, with its home near those of all keys of the same millisecond.
    ///
    /// Ids come in soon after they were minted. So the lines that a rush of them touches lie on pages whose addresses
    /// the processor has at hand, in place of all over a table of a gigabyte, where each of them costs a walk through
    /// the tables of pages. With more of them in a millisecond than there is room for, the rest goes where its tag
    /// says.
    @inline(__always)
    func hash(_ hash: UInt64, atMs timeMs: UInt64) -> UInt64 {
        let within = ((hash & 0xffff_ffff) &* homesAMs) &>> 32
        return hash & ~0xffff_ffff | (timeMs &* homesAMs &+ within) & 0xffff_ffff
    }

    /// The line at so many 2^32-th parts of the table.
    @inline(__always)
    private static func line(at part: UInt64, _ lineCount: UInt64) -> UInt64 { (part &* lineCount) &>> 32 }

    @inline(__always)
    private static func home(_ hash: UInt64, _ lineCount: UInt64) -> UInt64 { line(at: hash & 0xffff_ffff, lineCount) }

    /// Where a search for this hash begins.
    @inline(__always)
    func place(_ hash: UInt64) -> UnsafeRawPointer {
        UnsafeRawPointer(entries + Int(truncatingIfNeeded: Self.home(hash, lineCount) &* 8))
    }

    @inline(__always)
    func prefetch(_ hash: UInt64) { ts_prefetch_read(place(hash)) }

    // MARK: Searching

    /// The lines of one search, one after the other, all of the table among them. It has to end behind the last one:
    /// where each line was full at some time and passed by what is still there, all have gaps and none a free entry.
    struct Lines {
        private let lineCount: UInt64
        private let jump: UInt64
        let tag: UInt32
        /// Lines behind the first one.
        private(set) var steps: UInt32 = 0
        private(set) var line: UInt64

        @inline(__always)
        init(_ hash: UInt64, _ lineCount: UInt64, jump: UInt64) {
            self.lineCount = lineCount
            self.jump = jump
            tag = UInt32(truncatingIfNeeded: hash &>> 32)
            line = Index.home(hash, lineCount)
        }

        @inline(__always)
        var first: Int { Int(truncatingIfNeeded: line &* 8) }

        /// Answers false behind the last line.
        @inline(__always)
        mutating func next() -> Bool {
            line = Self.line(behind: line, steps, tag, lineCount, jump)
            steps &+= 1
            // The line beside the first one, then each line of the table.
            return UInt64(steps) <= lineCount &+ 1
        }

        /// By value and in a function of its own: most searches end in their home line.
        @inline(never)
        private static func line(
            behind line: UInt64, _ steps: UInt32, _ tag: UInt32, _ lineCount: UInt64, _ jump: UInt64
        ) -> UInt64 {
            if steps == 0 { return line ^ 1 }
            let next = (steps == 1 ? Index.line(at: UInt64(tag), lineCount) : line) + jump
            return next < lineCount ? next : next - lineCount
        }
    }

    @inline(__always)
    private func lines(_ hash: UInt64) -> Lines { Lines(hash, lineCount, jump: jump) }

    /// The free place that a look at the home line found for a new entry; none where a whole search has to say.
    struct Vacancy {
        fileprivate let place: Int

        static var unknown: Vacancy { Vacancy(place: -1) }

        @inline(__always)
        fileprivate init(place: Int) { self.place = place }

        /// Whether no entry of the hash is there.
        @inline(__always)
        var isKnown: Bool { place >= 0 }
    }

    /// Whether a hash has no entry, by a look at its home line, and where a new one belongs then. It holds until the
    /// index changes.
    @inline(__always)
    func vacancy(_ hash: UInt64) -> Vacancy {
        let lines = lines(hash)
        let found = ts_search_line(entries + lines.first, lines.tag)
        guard found & Probe.matches == 0 && found & Probe.free != 0 else { return .unknown }
        return Vacancy(place: lines.first &+ (found & Probe.free).trailingZeroBitCount &>> 1)
    }

    /// What a search for this hash names first, 0 for nothing.
    @inline(__always)
    func first(_ hash: UInt64) -> UInt32 {
        let lines = lines(hash)
        let found = ts_search_line(entries + lines.first, lines.tag)
        if found & Probe.matches != 0 {
            let place = lines.first &+ (found & Probe.matches).trailingZeroBitCount &>> 1
            let handle = UInt32(truncatingIfNeeded: entries[place])
            if handle != 0 && handle != Self.gapHandle { return handle }
        } else if found & Probe.free != 0 {
            return 0
        }
        return firstOfAll(hash)
    }

    @inline(never)
    private func firstOfAll(_ hash: UInt64) -> UInt32 {
        var probe = probe(hash)
        return probe.next()
    }

    /// Begins a search: the handles that may belong to a key with this hash.
    @inline(__always)
    func probe(_ hash: UInt64) -> Probe { Probe(entries: entries, lines: lines(hash)) }

    /// A walk along one search. `next` answers 0 at its end. A long one may come to a line, and to its handles, twice.
    struct Probe {
        private let entries: UnsafeMutablePointer<UInt64>
        private(set) var lines: Lines
        /// What `ts_search_line` found in the line, less what has been handed out.
        private var found: UInt32

        fileprivate static let matches: UInt32 = 0xaaaa
        fileprivate static let free: UInt32 = 0x5555

        @inline(__always)
        fileprivate init(entries: UnsafeMutablePointer<UInt64>, lines: Lines) {
            self.entries = entries
            self.lines = lines
            found = ts_search_line(entries + lines.first, lines.tag)
        }

        @inline(__always)
        mutating func next() -> UInt32 {
            while true {
                let matches = found & Self.matches
                if matches != 0 {
                    found &= ~(matches & (0 &- matches))
                    let handle = UInt32(
                        truncatingIfNeeded: entries[lines.first &+ matches.trailingZeroBitCount &>> 1])
                    // A free entry looks like one with the tag 0, a gap like one with the largest.
                    if handle != 0 && handle != Index.gapHandle { return handle }
                    continue
                }
                if found & Self.free != 0 || !lines.next() { return 0 }
                found = ts_search_line(entries + lines.first, lines.tag)
            }
        }
    }

    // MARK: Changing

    /// Adds a handle under a hash. The caller has made sure that the key is not there and that
    /// `count < countMax`.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ handle: UInt32) {
        precondition(count < countMax && handle != 0)
        count &+= 1
        let line = Self.home(hash, lineCount)
        let free = freeEntries(line)
        if free == 0 {
            insertBeyond(hash, handle)
        } else {
            entries[Int(truncatingIfNeeded: line &* 8) &+ free.trailingZeroBitCount &>> 1] = Self.entry(hash, handle)
        }
    }

    /// Adds a handle under a hash that has no entry, where there is room for it.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ handle: UInt32, at vacancy: Vacancy) {
        guard vacancy.isKnown else { return insert(hash, handle) }
        precondition(count < countMax && handle != 0)
        count &+= 1
        entries[vacancy.place] = Self.entry(hash, handle)
    }

    @inline(__always)
    private static func entry(_ hash: UInt64, _ handle: UInt32) -> UInt64 { hash & ~0xffff_ffff | UInt64(handle) }

    /// Adds an entry whose home line has no free one.
    @inline(never)
    private func insertBeyond(_ hash: UInt64, _ handle: UInt32) {
        precondition(handle != Self.gapHandle)
        let entry = Self.entry(hash, handle)
        var lines = lines(hash)
        while true {
            if let place = place(in: lines.line, of: 0) ?? place(in: lines.line, of: Self.gap) {
                entries[place] = entry
                return
            }
            spills[Int(lines.line)] = max(spills[Int(lines.line)], spills[Int(lines.line)] &+ 1)
            precondition(lines.next(), "some line has room")
        }
    }

    /// Removes the entry of a handle. Answers whether there was one.
    @discardableResult
    mutating func remove(_ hash: UInt64, _ handle: UInt32) -> Bool {
        var lines = lines(hash)
        var place = place(in: lines.line, of: Self.entry(hash, handle))
        while place == nil {
            if freeEntries(lines.line) != 0 || !lines.next() { return false }
            place = self.place(in: lines.line, of: Self.entry(hash, handle))
        }
        guard let place else { return false }
        entries[place] = spills[Int(lines.line)] == 0 ? 0 : Self.gap
        count -= 1
        hasRemoved = true
        var passed = self.lines(hash)
        while passed.line != lines.line {
            takeBackSpill(passed.line)
            _ = passed.next()
        }
        return true
    }

    /// One that was passed on from a line has gone. Behind the last one a search may end there again.
    private func takeBackSpill(_ line: UInt64) {
        guard spills[Int(line)] < .max else { return }
        spills[Int(line)] -= 1
        guard spills[Int(line)] == 0 else { return }
        while let gap = place(in: line, of: Self.gap) { entries[gap] = 0 }
    }

    /// Where in a line such an entry is.
    private func place(in line: UInt64, of wanted: UInt64) -> Int? {
        let first = Int(line) * Self.lineEntries
        for place in first..<(first + Self.lineEntries) where entries[place] == wanted { return place }
        return nil
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

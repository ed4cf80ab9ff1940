import CAtomics

/// Records of one type in slots 1 ... countMax; slot 0 stands for none.
///
/// Fresh slots are handed out in order, so that memory becomes resident only as it is used. One that was given back is
/// zero until it is handed out again, the last one first. The free slots stand in a stack beside the records, not in a
/// list through them: to take one touches no line of a record that is not about to be written.
struct Pool<Record: BitwiseCopyable>: ~Copyable {
    let records: UnsafeMutablePointer<Record>
    let countMax: Int
    /// Slots 1 ... reached have been handed out at some time.
    private(set) var reached = 0
    private let freeSlots: UnsafeMutablePointer<UInt32>
    private var freeCount = 0

    init(countMax: Int, memory: MemorySource) {
        precondition(countMax > 0 && countMax < RecordHandle.slotCountMax)
        self.countMax = countMax
        records = memory.table(of: Record.self, count: countMax + 1)
        freeSlots = memory.table(of: UInt32.self, count: countMax)
    }

    /// Records that there are.
    @inline(__always)
    var count: Int { reached &- freeCount }

    /// All slots that have ever been handed out, free ones among them.
    var slots: Range<UInt32> { 1..<UInt32(reached) + 1 }

    @inline(__always)
    var isFull: Bool { count == countMax }

    @inline(__always)
    subscript(_ slot: UInt32) -> UnsafeMutablePointer<Record> {
        assert(slot != 0 && slot <= reached)
        return records + Int(slot)
    }

    @inline(__always)
    func prefetch(_ slot: UInt32) { ts_prefetch_write(place(slot)) }

    @inline(__always)
    func place(_ slot: UInt32) -> UnsafeRawPointer { UnsafeRawPointer(records + Int(slot)) }

    /// Where the record will lie that is made after `ahead` others.
    @inline(__always)
    func placeToCome(_ ahead: Int) -> UnsafeRawPointer {
        if ahead < freeCount { return place(freeSlots[freeCount &- 1 &- ahead]) }
        return place(UInt32(truncatingIfNeeded: reached &+ 1 &+ ahead &- freeCount))
    }

    var growingTable: GrowingTable {
        GrowingTable(
            base: UnsafeMutableRawPointer(records), usedBytes: reached * MemoryLayout<Record>.stride,
            sizeBytes: (countMax + 1) * MemoryLayout<Record>.stride)
    }

    /// A slot, zeroed. The caller has made sure that the pool is not full.
    @inline(__always)
    mutating func allocate() -> UInt32 {
        if freeCount > 0 {
            freeCount &-= 1
            return freeSlots[freeCount]
        }
        precondition(reached < countMax)
        reached &+= 1
        return UInt32(truncatingIfNeeded: reached)
    }

    /// Gives a slot back. Nothing may name it any more.
    mutating func free(_ slot: UInt32) {
        precondition(slot != 0 && slot <= reached && freeCount < reached)
        UnsafeMutableRawPointer(records + Int(slot)).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<Record>.stride)
        freeSlots[freeCount] = slot
        freeCount += 1
    }
}

/// What an operation id stands for: three bits of kind and 29 of slot. Orders, coupons, transactions,
/// checkouts and catalogue operations share one namespace, hence one index.
struct RecordHandle {
    enum Kind: UInt32 {
        case order = 0
        case tombstone = 1
        case catalogueOperation = 2
        case transaction = 3
        case coupon = 4
        case couponOperation = 5
        case checkout = 6
    }

    static let slotCountMax = 1 << 29
    let rawValue: UInt32

    @inline(__always)
    init(rawValue: UInt32) { self.rawValue = rawValue }

    @inline(__always)
    init(_ kind: Kind, _ slot: UInt32) { rawValue = kind.rawValue &<< 29 | slot }

    @inline(__always)
    var kind: Kind { Kind(rawValue: rawValue &>> 29)! }

    @inline(__always)
    var slot: UInt32 { rawValue & (1 << 29 - 1) }
}

import CAtomics

/// Records of one type in slots 1 ... countMax; slot 0 stands for none.
///
/// Slots are handed out in order, so that memory becomes resident only as it is used.
struct Pool<Record: BitwiseCopyable>: ~Copyable {
    let records: UnsafeMutablePointer<Record>
    let countMax: Int
    private(set) var count = 0

    init(countMax: Int, memory: MemorySource) {
        precondition(countMax > 0 && countMax < RecordHandle.slotCountMax)
        self.countMax = countMax
        records = memory.table(of: Record.self, count: countMax + 1)
    }

    @inline(__always)
    var isFull: Bool { count == countMax }

    @inline(__always)
    subscript(_ slot: UInt32) -> UnsafeMutablePointer<Record> {
        assert(slot != 0 && slot <= count)
        return records + Int(slot)
    }

    @inline(__always)
    func prefetch(_ slot: UInt32) { ts_prefetch_write(place(slot)) }

    @inline(__always)
    func place(_ slot: UInt32) -> UnsafeRawPointer { UnsafeRawPointer(records + Int(slot)) }

    var growingTable: GrowingTable {
        GrowingTable(
            base: UnsafeMutableRawPointer(records), usedBytes: count * MemoryLayout<Record>.stride,
            sizeBytes: (countMax + 1) * MemoryLayout<Record>.stride)
    }

    /// A fresh slot, zeroed. The caller has made sure that the pool is not full.
    @inline(__always)
    mutating func allocate() -> UInt32 {
        precondition(count < countMax)
        count &+= 1
        return UInt32(truncatingIfNeeded: count)
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

import CAtomics
import Protocol

/// A hash index over records that live elsewhere: open addressing, linear probing, eight bytes an entry.
///
///     entry   63          32 31           0
///            +--------------+--------------+      tag: the upper half of the key's hash
///            |     tag      |    handle    |      handle: the owner's name for the record, never 0
///            +--------------+--------------+      an entry of 0 is free
///
/// The home of an entry follows from its tag alone, so that a removal can close the gap without reading
/// records. The caller compares keys. Sized for its most entries at a load of three quarters; never grows.
struct Index: ~Copyable {
    let entries: UnsafeMutablePointer<UInt64>
    let capacity: UInt64
    private(set) var count = 0
    let countMax: Int

    init(countMax: Int, memory: MemorySource) {
        self.countMax = countMax
        capacity = UInt64(countMax + countMax / 3 + 16)
        precondition(capacity < 1 << 32, "home positions are computed from 32 bits")
        entries = memory.table(of: UInt64.self, count: Int(capacity))
        memory.populate(UnsafeMutableRawPointer(entries), Int(capacity) * 8)
    }

    @inline(__always)
    func home(_ hash: UInt64) -> UInt64 { ((hash &>> 32) &* capacity) &>> 32 }

    @inline(__always)
    func prefetch(_ hash: UInt64) { ts_prefetch_read(entries + Int(truncatingIfNeeded: home(hash))) }

    /// Begins a search: the handles that may belong to a key with this hash.
    @inline(__always)
    func probe(_ hash: UInt64) -> Probe {
        Probe(entries: entries, capacity: capacity, position: home(hash), tag: hash &>> 32)
    }

    /// A walk along one probe sequence. `next` answers 0 at its end.
    struct Probe {
        let entries: UnsafeMutablePointer<UInt64>
        let capacity: UInt64
        var position: UInt64
        let tag: UInt64

        @inline(__always)
        mutating func next() -> UInt32 {
            while true {
                let entry = entries[Int(truncatingIfNeeded: position)]
                if entry == 0 { return 0 }
                position &+= 1
                if position == capacity { position = 0 }
                if entry &>> 32 == tag { return UInt32(truncatingIfNeeded: entry) }
            }
        }
    }

    /// Adds a handle under a hash. The caller has made sure that the key is not there and that
    /// `count < countMax`.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ handle: UInt32) {
        precondition(count < countMax && handle != 0)
        var position = home(hash)
        while entries[Int(truncatingIfNeeded: position)] != 0 {
            position &+= 1
            if position == capacity { position = 0 }
        }
        entries[Int(truncatingIfNeeded: position)] = (hash &>> 32) &<< 32 | UInt64(handle)
        count &+= 1
    }
}

extension Id128 {
    /// A hash that a client cannot aim at one bucket: `seed` is drawn at the start of the process.
    @inline(__always)
    func hash(seed: UInt64) -> UInt64 {
        Partition.mix(Partition.mix(low ^ seed) ^ high)
    }
}

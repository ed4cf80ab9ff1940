import Foundation

/// The file in which the preloaded counter counts: its layout stands in `allocation_counter.h`, and
/// `Controls.everyFunctionIsCounted` shows that both sides agree on it.
final class CounterFile {
    static let variable = "ALLOCATION_COUNTER_FILE"
    /// In the order of the file. The last two give memory back.
    static let functions = [
        "malloc", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc", "memalign",
        "valloc",
        "pvalloc", "mmap", "free", "munmap",
    ]

    private static let magic: UInt64 = 0x3154_4e43_4f4c_4c41
    private static let headerBytes = 64
    private static let slotBytes = 128
    private static let slotCount = 255
    private static let sizeBytes = headerBytes + slotCount * slotBytes

    let path: String
    private let memory: UnsafeMutableRawPointer

    /// Makes the file, for a process that is started next.
    init(path: String) throws(HotPathFault) {
        self.path = path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, Self.sizeBytes) == 0,
            let memory = mmap(nil, Self.sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            memory != MAP_FAILED
        else { throw HotPathFault("cannot map \(path): \(String(cString: strerror(errno)))") }
        close(descriptor)
        self.memory = memory
    }

    deinit { munmap(memory, Self.sizeBytes) }

    /// The calls of one thread since its start, in the order of `functions`.
    struct Thread {
        var id: UInt32
        var counts: [UInt64]
    }

    /// The threads of `process` that have called a counted function. Throws if it is not the one that counts,
    /// or if a thread found no room.
    func threads(of process: pid_t) throws(HotPathFault) -> [Thread] {
        guard memory.load(as: UInt64.self) == Self.magic,
            memory.load(fromByteOffset: 8, as: UInt32.self) == UInt32(process)
        else { throw HotPathFault("the counter is not in process \(process): LD_PRELOAD had no effect") }
        let lost = memory.load(fromByteOffset: 16, as: UInt32.self)
        guard lost == 0 else { throw HotPathFault("\(lost) threads found no room in the counter's file") }
        let taken = Int(memory.load(fromByteOffset: 12, as: UInt32.self))
        return (0..<taken).map { index in
            let slot = memory + Self.headerBytes + index * Self.slotBytes
            return Thread(
                id: slot.load(as: UInt32.self),
                counts: Self.functions.indices.map { slot.load(fromByteOffset: 16 + 8 * $0, as: UInt64.self) }
            )
        }
    }

    /// In a round other than 0 each thread prints the backtrace of its first call to stderr.
    var round: UInt32 {
        get { memory.load(fromByteOffset: 20, as: UInt32.self) }
        set { memory.storeBytes(of: newValue, toByteOffset: 20, as: UInt32.self) }
    }
}

/// Why the proof failed, as a sentence.
struct HotPathFault: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

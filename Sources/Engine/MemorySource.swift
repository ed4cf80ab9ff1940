/// Where tables get their memory: zeroed, aligned to a page, and not resident before it is touched.
///
/// The engine makes no system call, so the server passes one over mmap, tests one over calloc. Called
/// at start only, by the thread that builds the shard; the memory lives as long as the process, unless what was
/// built in it turns out to be of no use.
public struct MemorySource: Sendable {
    public let allocate: @Sendable (_ sizeBytes: Int) -> UnsafeMutableRawPointer
    /// Makes memory resident now, without changing it: for tables that are touched at random from the
    /// first operation on, where each first touch of a huge page would cost its clearing.
    public let populate: @Sendable (_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) -> Void
    /// Gives back what `allocate` gave, with the size that was asked for; does nothing where memory goes with
    /// its arena.
    public let release: @Sendable (_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) -> Void

    public init(
        allocate: @escaping @Sendable (_ sizeBytes: Int) -> UnsafeMutableRawPointer,
        populate: @escaping @Sendable (_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) -> Void = { _, _ in },
        release: @escaping @Sendable (_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) -> Void = { _, _ in }
    ) {
        self.allocate = allocate
        self.populate = populate
        self.release = release
    }

    /// Memory that is zeroed by hand: for tests and tools, where sizes are small.
    public static var zeroed: MemorySource {
        MemorySource(
            allocate: { sizeBytes in
                let memory = UnsafeMutableRawPointer.allocate(byteCount: max(sizeBytes, 64), alignment: 4096)
                memory.initializeMemory(as: UInt8.self, repeating: 0, count: max(sizeBytes, 64))
                return memory
            },
            release: { memory, _ in memory.deallocate() })
    }

    /// `count` zeroed values of a trivial type.
    func table<T: BitwiseCopyable>(of type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
        allocate(count * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: count)
    }
}

/// What was allocated for a state that may turn out to be of no use, to be given back as a whole. One thread at a time.
public final class MemoryLoan: @unchecked Sendable {
    private let source: MemorySource
    private var parts: [(memory: UnsafeMutableRawPointer, sizeBytes: Int)] = []

    public init(_ source: MemorySource) { self.source = source }

    /// Allocates on this loan.
    public var memory: MemorySource {
        MemorySource(
            allocate: { [self] sizeBytes in
                let memory = source.allocate(sizeBytes)
                parts.append((memory, sizeBytes))
                return memory
            },
            populate: source.populate, release: source.release)
    }

    /// Gives all of it back: nobody may touch it any more.
    public func giveBack() {
        for (memory, sizeBytes) in parts { source.release(memory, sizeBytes) }
        parts = []
    }
}

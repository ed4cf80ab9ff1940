import Engine
import Glibc

/// Memory for engines that live briefly: the next ones take the place of those before. One thread.
public final class MemoryArena: @unchecked Sendable {
    /// What is this large comes from the kernel, which zeroes only what is touched.
    private static let largeBytes = 1 << 18

    private let base: UnsafeMutableRawPointer
    private let sizeBytes: Int
    private var usedBytes = 0
    private var large: [UnsafeMutableRawBufferPointer] = []

    public init(sizeBytes: Int = 256 << 20) {
        self.sizeBytes = sizeBytes
        base = Self.map(sizeBytes)
    }

    deinit {
        reset()
        munmap(base, sizeBytes)
    }

    private static func map(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(
            nil, sizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no memory for the arena") }
        return memory
    }

    /// Forgets all that was allocated.
    public func reset() {
        memset(base, 0, usedBytes)
        usedBytes = 0
        for memory in large { munmap(memory.baseAddress, memory.count) }
        large = []
    }

    /// Gives out memory of this arena, which must outlive all that is built on it.
    public var source: MemorySource {
        MemorySource { [self] sizeBytes in
            let rounded = (sizeBytes + 63) / 64 * 64
            if rounded >= Self.largeBytes {
                let memory = Self.map(rounded)
                large.append(UnsafeMutableRawBufferPointer(start: memory, count: rounded))
                return memory
            }
            precondition(usedBytes + rounded <= self.sizeBytes, "the arena is too small")
            defer { usedBytes += rounded }
            return base + usedBytes
        }
    }
}

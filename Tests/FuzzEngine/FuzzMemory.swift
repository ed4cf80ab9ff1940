public import Engine
import Glibc

/// Memory for the tables of one run, each table in a piece of its own, so that an address sanitizer sees what reads
/// beyond one. Large ones come from the kernel, which zeroes only what is touched. One thread.
public final class FuzzMemory: @unchecked Sendable {
    private static let largeBytes = 1 << 18

    private var small: [UnsafeMutableRawPointer] = []
    private var large: [UnsafeMutableRawBufferPointer] = []

    public init() {}

    /// Must not outlive this object.
    public var source: MemorySource { MemorySource { [unowned self] sizeBytes in allocate(sizeBytes) } }

    func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        guard sizeBytes >= Self.largeBytes else {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: max(sizeBytes, 1), alignment: 64)
            memset(memory, 0, max(sizeBytes, 1))
            small.append(memory)
            return memory
        }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let memory = mmap(nil, sizeBytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no memory for a table") }
        large.append(UnsafeMutableRawBufferPointer(start: memory, count: sizeBytes))
        return memory
    }

    deinit {
        for memory in small { memory.deallocate() }
        for memory in large { munmap(memory.baseAddress, memory.count) }
    }
}

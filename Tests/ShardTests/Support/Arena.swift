import Engine
import Glibc

/// Memory for a shard that is given back when the test is over; resident only where it is touched.
final class Arena: @unchecked Sendable {
    private var mappings: [(memory: UnsafeMutableRawPointer, sizeBytes: Int)] = []

    /// Must not outlive the arena.
    var memory: MemorySource { MemorySource { [unowned self] sizeBytes in allocate(sizeBytes) } }

    var lastAllocation: UnsafeMutableRawPointer { mappings[mappings.count - 1].memory }

    func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(nil, max(sizeBytes, 64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no memory for a shard") }
        mappings.append((memory, max(sizeBytes, 64)))
        return memory
    }

    deinit {
        for mapping in mappings { munmap(mapping.memory, mapping.sizeBytes) }
    }
}

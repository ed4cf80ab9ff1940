import Engine
import Glibc

/// Memory for tables that is given back when the test is over. Anonymous mappings, as in the server: a
/// test that builds a thousand engines touches only what it uses.
final class Arena: @unchecked Sendable {
    private var mappings: [(memory: UnsafeMutableRawPointer, sizeBytes: Int)] = []

    /// Must not outlive the arena.
    var memory: MemorySource { MemorySource { [unowned self] sizeBytes in allocate(sizeBytes) } }

    func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let memory = mmap(nil, max(sizeBytes, 64), PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no memory for a table") }
        mappings.append((memory, max(sizeBytes, 64)))
        return memory
    }

    deinit {
        for mapping in mappings { munmap(mapping.memory, mapping.sizeBytes) }
    }
}

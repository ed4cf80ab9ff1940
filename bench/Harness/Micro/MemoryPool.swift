import Engine
import Foundation

/// Zeroed memory that is there before it is used, and goes with its owner.
final class MemoryPool: @unchecked Sendable {
    private var pieces: [(UnsafeMutableRawPointer, Int)] = []

    func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let size = max(sizeBytes, 4096)
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(memory != MAP_FAILED, "no memory for \(size) bytes")
        if size >= 4 << 20 { madvise(memory, size, MADV_HUGEPAGE) }
        memset(memory, 0, size)
        pieces.append((memory, size))
        return memory
    }

    var source: MemorySource { MemorySource { self.allocate($0) } }

    deinit {
        for (memory, size) in pieces { munmap(memory, size) }
    }
}

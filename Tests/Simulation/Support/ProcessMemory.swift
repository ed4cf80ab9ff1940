import Engine
import Glibc

/// The memory of one life of the simulated process: given out from one mapping, taken back all at once.
///
/// A run builds a shard dozens of times, and each asks for tens of megabytes of which it touches little: pages
/// that were touched go back to the kernel, which is much cheaper than zeroing what was asked for.
final class ProcessMemory: @unchecked Sendable {
    private static let sizeBytes = 8 << 30
    private let base: UnsafeMutableRawPointer
    private var usedBytes = 0

    init() {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let memory = mmap(nil, Self.sizeBytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no address space for a simulated process") }
        base = memory
        // A huge page would be zeroed as a whole for the first byte that is touched.
        madvise(base, Self.sizeBytes, MADV_NOHUGEPAGE)
    }

    deinit { munmap(base, Self.sizeBytes) }

    /// Must not outlive this object.
    var source: MemorySource { MemorySource { [unowned self] sizeBytes in allocate(sizeBytes) } }

    private func allocate(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let rounded = (sizeBytes + 4095) / 4096 * 4096
        precondition(usedBytes + rounded <= Self.sizeBytes, "a simulated process does not get that much memory")
        defer { usedBytes += rounded }
        return base + usedBytes
    }

    /// Forgets all that was given out.
    func reset() {
        if usedBytes > 0 { madvise(base, usedBytes, MADV_DONTNEED) }
        usedBytes = 0
    }
}

import Engine
import Glibc

extension MemorySource {
    /// Anonymous memory of the system: zeroed, resident as it is touched, in huge pages where the kernel
    /// gives them (12 % of throughput on tables that are read at random).
    static var system: MemorySource {
        MemorySource(
            allocate: reserve,
            populate: { memory, sizeBytes in populate(memory, sizeBytes) },
            release: release)
    }

    private static let reserve: @Sendable (Int) -> UnsafeMutableRawPointer = { sizeBytes in
        let size = max(sizeBytes, 4096)
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            Fatal.exit(
                "cannot reserve \(size >> 20) MiB of memory: \(String(cString: strerror(errno))); "
                    + "lower --orders, --users or another capacity")
        }
        if size >= 4 << 20 { madvise(memory, size, MADV_HUGEPAGE) }
        return memory
    }

    private static let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void = { memory, sizeBytes in
        munmap(memory, max(sizeBytes, 4096))
    }

    /// Makes memory resident; its contents stay, also while another thread writes them. The kernels that
    /// cannot (before 5.14) do it at the first touch.
    static func populate(_ memory: UnsafeMutableRawPointer, _ sizeBytes: Int) {
        // MADV_POPULATE_WRITE, madvise(2), which Glibc's headers of Debian 12 do not name everywhere.
        let populateWrite: Int32 = 23
        let page = 4096
        let start = UInt(bitPattern: memory) & ~UInt(page - 1)
        let end = (UInt(bitPattern: memory) + UInt(sizeBytes) + UInt(page - 1)) & ~UInt(page - 1)
        madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), populateWrite)
    }
}

/// The end of the process when going on would break a promise.
enum Fatal {
    static let exitCode: Int32 = 70

    static func exit(_ sentence: String) -> Never {
        let line = "timesaled: fatal: \(sentence)\n"
        _ = line.withCString { Glibc.write(2, $0, strlen($0)) }
        _exit(exitCode)
    }
}

import Engine
import Glibc

extension MemorySource {
    /// Anonymous memory of the system: zeroed, resident as it is touched, in huge pages where the kernel
    /// gives them (12 % of throughput on tables that are read at random).
    static var system: MemorySource {
        MemorySource { sizeBytes in
            let size = max(sizeBytes, 4096)
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            guard let memory, memory != MAP_FAILED else {
                Fatal.exit("cannot reserve \(size >> 20) MiB of memory: \(String(cString: strerror(errno))); lower --orders or --users")
            }
            if size >= 4 << 20 { madvise(memory, size, MADV_HUGEPAGE) }
            return memory
        }
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

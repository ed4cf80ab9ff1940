import Glibc

/// The process as the kernel sees it, under the names that Prometheus' own client libraries use.
struct ProcessReading: Sendable {
    let startSeconds: Double
    let cpuSeconds: Double
    let residentBytes: UInt64
    let virtualBytes: UInt64
    let openDescriptors: UInt64
    let descriptorsMax: UInt64

    /// - Parameter startSeconds: since 1970.
    init(startSeconds: Double) {
        self.startSeconds = startSeconds
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        let pages = Self.words(of: "/proc/self/statm").compactMap { UInt64($0) }
        let pageBytes = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        virtualBytes = (pages.first ?? 0) * pageBytes
        residentBytes = (pages.dropFirst().first ?? 0) * pageBytes
        openDescriptors = Self.entryCount("/proc/self/fd")
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        descriptorsMax = UInt64(limit.rlim_cur)
    }

    /// Seconds since 1970.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }

    private static func words(of path: String) -> [Substring] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return [] }
        return String(decoding: bytes[..<count], as: UTF8.self).split { $0 == " " || $0 == "\n" }
    }

    /// Without the one that reads it.
    private static func entryCount(_ path: String) -> UInt64 {
        guard let directory = opendir(path) else { return 0 }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return max(1, count) - 1
    }

    static let families: [ReadFamily<ProcessReading>] = [
        ReadFamily(
            MetricFamily("process_start_time_seconds", .gauge, "When the process started, since 1970.")
        ) { [Sample([], $0.startSeconds)] },
        ReadFamily(MetricFamily("process_cpu_seconds_total", .counter, "CPU time of the process.")) {
            [Sample([], $0.cpuSeconds)]
        },
        ReadFamily(
            MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory."), one: \.residentBytes),
        ReadFamily(MetricFamily("process_virtual_memory_bytes", .gauge, "Virtual memory."), one: \.virtualBytes),
        ReadFamily(MetricFamily("process_open_fds", .gauge, "Open file descriptors."), one: \.openDescriptors),
        ReadFamily(MetricFamily("process_max_fds", .gauge, "Most open file descriptors."), one: \.descriptorsMax),
    ]
}

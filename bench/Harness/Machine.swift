import Foundation

/// The machine that a figure was measured on.
public struct Machine: Codable, Sendable {
    public var kernel: String
    public var cpuModel: String
    public var cpus: Int
    public var memoryBytes: Int

    public static func current() -> Machine {
        Machine(
            kernel: ProcFile.read("/proc/sys/kernel/osrelease")?.trimmingCharacters(in: .newlines) ?? "unknown",
            cpuModel: ProcFile.read("/proc/cpuinfo").flatMap { ProcFile.field("model name", in: $0) } ?? "unknown",
            cpus: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            memoryBytes: ProcFile.read("/proc/meminfo").flatMap { ProcFile.bytes(of: "MemTotal", in: $0) } ?? 0)
    }

    public var text: String { "machine     \(summary)" }

    public var summary: String {
        "Linux \(kernel), \(cpuModel), \(cpus) CPU\(cpus == 1 ? "" : "s"), \(memoryBytes >> 30) GiB"
    }
}

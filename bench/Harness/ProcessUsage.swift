import Foundation

/// What a process has used so far.
public struct ProcessUsage {
    private let folder: String

    public init(pid: Int32) { folder = "/proc/\(pid)" }

    /// A process and its children, such as a server with a process for each connection.
    public static func family(of pid: Int32) -> [ProcessUsage] {
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return all.filter { $0 == pid || ProcFile.read("/proc/\($0)/stat").flatMap(ProcFile.parent(inStat:)) == pid }
            .map { ProcessUsage(pid: $0) }
    }

    /// CPU seconds of all its threads, ended ones too.
    public var cpuSeconds: Double { cpuSeconds(inStat: "\(folder)/stat") }

    /// CPU seconds of its threads whose names begin so.
    public func cpuSeconds(ofThreads prefix: String) -> Double {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/task")) ?? []
        return threads.reduce(0) { sum, thread in
            let thread = "\(folder)/task/\(thread)"
            guard let name = ProcFile.read("\(thread)/comm"), name.hasPrefix(prefix) else { return sum }
            // A kernel without CONFIG_SCHED_INFO has no schedstat; ticks are coarser.
            if let ns = ProcFile.read("\(thread)/schedstat").flatMap(ProcFile.cpuNanoseconds(inSchedstat:)) {
                return sum + Double(ns) / 1e9
            }
            return sum + cpuSeconds(inStat: "\(thread)/stat")
        }
    }

    /// CPU seconds of everything on this machine, and those of them that the hypervisor withheld.
    public static var machineCPUSeconds: (all: Double, stolen: Double) {
        let ticks = ProcFile.read("/proc/stat").flatMap(ProcFile.machineTicks(inSystemStat:)) ?? (0, 0)
        let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        return (Double(ticks.busy) / ticksPerSecond, Double(ticks.stolen) / ticksPerSecond)
    }

    public var residentBytes: Int {
        ProcFile.read("\(folder)/status").flatMap { ProcFile.bytes(of: "VmRSS", in: $0) } ?? 0
    }

    private func cpuSeconds(inStat path: String) -> Double {
        let ticks = ProcFile.read(path).flatMap(ProcFile.cpuTicks(inStat:)) ?? 0
        return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

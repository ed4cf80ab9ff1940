import Foundation
import Generator

/// A slice of one core for a process and what it starts, by the kernel's bandwidth control (cgroups(7), sched-bwc). It
/// needs the right to make control groups: root, or a group that was delegated.
public final class CPUSlice {
    private let path: String

    /// The slice comes in pieces this often, so that nobody waits for long.
    private static let periodUs = 5_000

    /// Makes a group with a share of one core, 0.1 to 1.
    public init(share: Double) throws {
        let quota = Int(share * Double(Self.periodUs))
        let name = "timesale-bench-\(getpid())-\(UUID().uuidString.prefix(8))"
        let first = "/sys/fs/cgroup/cpu"
        let isFirst = FileManager.default.fileExists(atPath: "\(first)/cpu.cfs_quota_us")
            || FileManager.default.fileExists(atPath: "\(first)/cgroup.procs")
        path = isFirst ? "\(first)/\(name)" : "/sys/fs/cgroup/\(name)"
        do {
            if !isFirst { try? Self.write("+cpu", "/sys/fs/cgroup/cgroup.subtree_control") }
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            if isFirst {
                try Self.write("\(Self.periodUs)", "\(path)/cpu.cfs_period_us")
                try Self.write("\(quota)", "\(path)/cpu.cfs_quota_us")
            } else {
                try Self.write("\(quota) \(Self.periodUs)", "\(path)/cpu.max")
            }
        } catch {
            throw LoadError(
                description: "no control group can be made at \(path) to hold the server to a slice of a core: run "
                    + "this as root where the cpu controller is there")
        }
    }

    /// Puts a process, with all its threads, into the slice.
    public func add(_ pid: Int32) throws { try Self.write("\(pid)", "\(path)/cgroup.procs") }

    /// Removes the group; its processes have ended.
    public func remove() {
        for _ in 0..<50 where rmdir(path) != 0 { usleep(20_000) }
    }

    private static func write(_ text: String, _ path: String) throws {
        let file = open(path, O_WRONLY)
        guard file >= 0 else { throw LoadError(description: "cannot open \(path)") }
        defer { close(file) }
        guard text.withCString({ Glibc.write(file, $0, strlen($0)) }) == text.utf8.count else {
            throw LoadError(description: "cannot write \(path)")
        }
    }
}

import Foundation

/// A file system in memory, as small as a test wants it. Mounting needs the rights of an administrator.
final class SmallDisk {
    let path: String

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// Whether this process may mount one.
    static let isPossible = (try? SmallDisk(sizeMiB: 1)) != nil

    init(sizeMiB: Int) throws {
        path = "/tmp/timesale-disk-\(UInt32.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        guard Self.run("mount", ["-t", "tmpfs", "-o", "size=\(sizeMiB)m", "tmpfs", path]) else {
            try? FileManager.default.removeItem(atPath: path)
            throw Fault(description: "no right to mount a file system")
        }
    }

    deinit {
        _ = Self.run("umount", ["-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Others take all room but so much; nil: they give it back.
    func leave(freeMiB: Int?) throws {
        let file = open(path + "/others", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        guard file >= 0, ftruncate(file, 0) == 0 else { throw Fault(description: "no file in \(path)") }
        guard let freeMiB else { return }
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw Fault(description: "no file system at \(path)") }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        guard posix_fallocate(file, 0, off_t(max(1, free - freeMiB * 1_048_576))) == 0 else {
            throw Fault(description: "\(path) cannot be filled")
        }
    }

    private static func run(_ program: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

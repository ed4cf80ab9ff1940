import Foundation

/// A run of an executable as a child process, to be waited for and signalled by its id.
struct Child: Sendable {
    let pid: pid_t

    func signal(_ signal: Int32) { _ = kill(pid, signal) }

    /// Waits for the end without holding a thread; 128 and the signal's number for one that a signal ended. Kills what
    /// has not ended after 60 s, which shows as 137.
    func exitCode() async -> Int32 {
        let deadline = ContinuousClock.now + .seconds(60)
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline { signal(SIGKILL) }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}

/// An executable of this package, beside the running test.
func executable(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
}

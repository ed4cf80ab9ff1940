import Foundation
import TimesaleSpawn

/// A server process whose standard output and error go to files, so that nobody has to read them while it runs.
struct ChildProcess: Sendable {
    let pid: pid_t
    private let output: URL
    /// What the file held before this run.
    private let before: Int

    init(_ path: String, _ arguments: [String], output: URL) throws(TimesaleServerFault) {
        self.output = output.appendingPathComponent("stdout")
        before = ChildProcess.text(self.output).utf8.count
        do throws(SpawnFault) {
            pid = try spawn(
                path, arguments, output: .file(path: self.output.path),
                errors: .file(path: output.appendingPathComponent("stderr").path))
        } catch {
            throw .notStarted(path: path, errno: error.errno)
        }
    }

    /// Waits for the line `ready`, and returns the port that the server listens on.
    ///
    /// A machine that is busy with tests may let it look again only when `patience` is over: what the server has
    /// written by then counts.
    func waitUntilReady(within patience: Duration = .seconds(30)) async throws(TimesaleServerFault) -> Int {
        let deadline = ContinuousClock.now + patience
        while true {
            let isLastLook = !isRunning || ContinuousClock.now >= deadline
            if let port = portIfReady() { return port }
            if isLastLook { break }
            try? await Task.sleep(for: .milliseconds(5))
        }
        signal(SIGKILL)
        await waitForEnd()
        let messages = output.deletingLastPathComponent().appendingPathComponent("stderr")
        throw .notReady(messages: ChildProcess.text(messages))
    }

    /// The port, 0 without one, if this run has written `ready`.
    private func portIfReady() -> Int? {
        let lines = String(decoding: Data(ChildProcess.text(output).utf8).dropFirst(before), as: UTF8.self)
            .split(separator: "\n")
        guard lines.contains("ready") else { return nil }
        return lines.lazy.filter { $0.hasPrefix("listening on ") && !$0.contains("unix:") }
            .compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }.first ?? 0
    }

    /// Whether it has not ended; leaves an ended one for `reap`, so that its id stays its own.
    private var isRunning: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0
            && information.si_signo == 0
    }

    func signal(_ signal: Int32) { _ = Foundation.kill(pid, signal) }

    /// Waits for the end without holding a thread, and takes it.
    func waitForEnd() async {
        while isRunning { try? await Task.sleep(for: .milliseconds(2)) }
        reap()
    }

    /// Waits for the end, and takes it. Blocks.
    func reap() {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    static func text(_ file: URL) -> String {
        FileManager.default.contents(atPath: file.path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

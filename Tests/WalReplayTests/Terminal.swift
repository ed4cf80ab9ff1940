import Foundation
import TestSupport
import TimesaleSpawn

/// A run of `wal-replay` in a terminal of its own, in which a test answers its question.
final class Terminal: Sendable {
    private let pid: pid_t
    private let terminal: PseudoTerminal

    init(_ arguments: String...) throws {
        terminal = try PseudoTerminal()
        let stream = ChildStream.terminal(path: terminal.path)
        pid = try spawn(
            ServerProcess.executablePath("wal-replay"), arguments, environment: ["TERM": "xterm"], input: stream,
            output: stream, errors: stream)
        terminal.begin()
    }

    var written: String { terminal.written }

    func type(_ line: String) { terminal.press(line + "\n") }

    /// What was written up to the end of the program, and its exit code.
    func finish() -> (written: String, status: Int32) {
        terminal.waitUntilClosed()
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
        return (terminal.written, raw >> 8 & 0xff)
    }
}

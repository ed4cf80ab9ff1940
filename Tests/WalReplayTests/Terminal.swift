import Foundation
import Synchronization
import TestSupport
import TimesaleSpawn

/// A run of `wal-replay` in a terminal of its own, in which a test answers its question.
final class Terminal: Sendable {
    private let pid: pid_t
    private let master: Int32
    private let text = Mutex("")
    private let isClosed = DispatchSemaphore(value: 0)

    struct NoTerminal: Error {}

    private static let setLock: UInt = 0x4004_5431  // TIOCSPTLCK
    private static let getNumber: UInt = 0x8004_5430  // TIOCGPTN

    init(_ arguments: String...) throws {
        // What posix_openpt(3), unlockpt(3) and ptsname(3) do (ioctl_tty(2)); glibc hides them behind feature macros.
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var locked: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0, ioctl(master, Self.setLock, &locked) == 0, ioctl(master, Self.getNumber, &number) == 0
        else { throw NoTerminal() }
        self.master = master
        let stream = ChildStream.terminal(path: "/dev/pts/\(number)")
        pid = try spawn(
            ServerProcess.executablePath("wal-replay"), arguments, environment: ["TERM": "xterm"], input: stream,
            output: stream, errors: stream)
        let thread = Thread { self.read() }
        thread.start()
    }

    func type(_ line: String) { _ = "\(line)\n".withCString { write(master, $0, strlen($0)) } }

    /// What was written up to the end of the program, and its exit code.
    func finish() -> (written: String, status: Int32) {
        isClosed.wait()
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
        return (text.withLock { $0 }, raw >> 8 & 0xff)
    }

    var written: String { text.withLock { $0 } }

    /// Ends when the last process closes the terminal.
    private func read() {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Foundation.read(master, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
            let all = String(decoding: bytes, as: UTF8.self)
            text.withLock { $0 = all }
        }
        close(master)
        isClosed.signal()
    }
}

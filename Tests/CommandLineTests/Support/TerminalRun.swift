import Foundation
import Synchronization
import TimesaleSpawn

/// A run of `timesale` in a terminal of its own (a pseudo-terminal), whose screen a test can read and whose keys it can
/// press.
final class TerminalRun: Sendable {
    let child: Child
    private let master: Int32
    private let text = Mutex("")

    struct NoTerminal: Error {}

    private static let setLock: UInt = 0x4004_5431  // TIOCSPTLCK
    private static let getNumber: UInt = 0x8004_5430  // TIOCGPTN

    init(_ arguments: [String], environment: [String: String] = [:], columns: UInt16 = 100, rows: UInt16 = 30)
        throws
    {
        // What posix_openpt(3), unlockpt(3) and ptsname(3) do (ioctl_tty(2)); glibc hides them behind feature macros.
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var locked: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0, ioctl(master, Self.setLock, &locked) == 0,
            ioctl(master, Self.getNumber, &number) == 0
        else { throw NoTerminal() }
        self.master = master
        let path = "/dev/pts/\(number)"
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        child = Child(
            pid: try spawn(
                executable("timesale"), arguments, environment: ["TERM": "xterm"].merging(environment) { $1 },
                input: .terminal(path: path), output: .terminal(path: path), errors: .terminal(path: path)))
        let thread = Thread { self.read() }
        thread.start()
    }

    /// All that was written to the terminal, escape sequences included.
    var written: String { text.withLock { $0 } }

    /// What a person presses; Ctrl-C is U+0003.
    func press(_ keys: String) { _ = keys.withCString { write(master, $0, strlen($0)) } }

    func exitCode() async -> Int32 { await child.exitCode() }

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
    }
}

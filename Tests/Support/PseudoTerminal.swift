import Foundation
import Synchronization

/// A terminal of its own for a program under test, whose screen a test can read and whose keys it can press.
public final class PseudoTerminal: Sendable {
    private let master: Int32
    /// Where the program opens it.
    public let path: String
    private let text = Mutex("")
    private let isClosed = DispatchSemaphore(value: 0)

    public struct NoTerminal: Error {}

    private static let setLock: UInt = 0x4004_5431  // TIOCSPTLCK
    private static let getNumber: UInt = 0x8004_5430  // TIOCGPTN

    public init(columns: UInt16 = 100, rows: UInt16 = 30) throws(NoTerminal) {
        // What posix_openpt(3), unlockpt(3) and ptsname(3) do (ioctl_tty(2)); glibc hides them behind feature macros.
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var locked: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0, ioctl(master, Self.setLock, &locked) == 0, ioctl(master, Self.getNumber, &number) == 0
        else { throw NoTerminal() }
        self.master = master
        path = "/dev/pts/\(number)"
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Begins to read, once the program has opened it.
    public func begin() {
        let thread = Thread { self.read() }
        thread.start()
    }

    /// All that was written to it, escape sequences included.
    public var written: String { text.withLock { $0 } }

    /// What a person presses; Ctrl-C is U+0003.
    public func press(_ keys: String) { _ = keys.withCString { write(master, $0, strlen($0)) } }

    /// Waits until the last process has closed it. Once.
    public func waitUntilClosed() { isClosed.wait() }

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

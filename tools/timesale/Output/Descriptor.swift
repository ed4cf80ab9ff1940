import Glibc

/// A standard stream, written without a buffer: what is said is seen at once, also at the other end of a pipe.
enum Descriptor: Int32 {
    case output = 1
    case errors = 2

    /// Writes all of it. A reader that has gone ends the process, as SIGPIPE would.
    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                var waiting = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            guard count > 0 else { exit(128 + SIGPIPE) }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether what is written here reaches nobody any more: the other end of a pipe is closed, a terminal is gone.
    var isBroken: Bool {
        var state = pollfd(fd: rawValue, events: 0, revents: 0)
        return poll(&state, 1, 0) > 0 && Int32(state.revents) & (POLLERR | POLLHUP) != 0
    }

    var isTerminal: Bool { isatty(rawValue) == 1 }
}

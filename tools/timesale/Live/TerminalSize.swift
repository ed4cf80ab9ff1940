import Glibc

/// How much room the terminal has.
struct TerminalSize: Equatable {
    var columns: Int
    var rows: Int

    /// That of standard output; 80 x 24 where it tells none.
    static var current: TerminalSize {
        var size = winsize()
        guard ioctl(Descriptor.output.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0,
            size.ws_row > 0
        else { return TerminalSize(columns: 80, rows: 24) }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}

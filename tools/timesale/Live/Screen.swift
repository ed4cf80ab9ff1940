import Synchronization

/// Lines of a terminal that are drawn over and over in the same place, and stay there at the end. The cursor is
/// hidden in between, so every way out has to pass `close`.
final class Screen: Sendable {
    private struct State {
        var lines = 0
        var size = TerminalSize(columns: 0, rows: 0)
        var isOpen = false
    }

    private let state = Mutex(State())
    private let style: Style

    init(style: Style) { self.style = style }

    /// Draws what `lines` makes for the room there is; what does not fit is cut off.
    func draw(_ lines: (TerminalSize) -> [StyledText]) {
        let size = TerminalSize.current
        // The last row stays free: a line break there would scroll, and the next drawing would begin too low.
        let drawn = lines(size).prefix(size.rows - 1).map { $0.clipped(to: size.columns).rendered(style) }
        state.withLock { state in
            var text = state.isOpen ? "" : "\u{1b}[?25l"
            if state.isOpen, state.size != size {
                // The terminal has wrapped the old lines anew: nobody knows where they begin.
                text += "\u{1b}[2J\u{1b}[H"
            } else if state.lines > 0 {
                text += "\u{1b}[\(state.lines)A\r"
            }
            for line in drawn { text += line + "\u{1b}[K\n" }
            Descriptor.output.write(text + "\u{1b}[J")
            state = State(lines: drawn.count, size: size, isOpen: true)
        }
    }

    /// Shows the cursor again, below what was drawn.
    func close() {
        state.withLock { state in
            if state.isOpen { Descriptor.output.write("\u{1b}[?25h") }
            state = State()
        }
    }
}

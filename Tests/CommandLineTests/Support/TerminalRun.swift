import TestSupport
import TimesaleSpawn

/// A run of `timesale` in a terminal of its own (a pseudo-terminal), whose screen a test can read and whose keys it can
/// press.
final class TerminalRun: Sendable {
    let child: Child
    private let terminal: PseudoTerminal

    init(_ arguments: [String], environment: [String: String] = [:], columns: UInt16 = 100, rows: UInt16 = 30)
        throws
    {
        terminal = try PseudoTerminal(columns: columns, rows: rows)
        let stream = ChildStream.terminal(path: terminal.path)
        child = Child(
            pid: try spawn(
                executable("timesale"), arguments, environment: ["TERM": "xterm"].merging(environment) { $1 },
                input: stream, output: stream, errors: stream))
        terminal.begin()
    }

    /// All that was written to the terminal, escape sequences included.
    var written: String { terminal.written }

    /// What a person presses; Ctrl-C is U+0003.
    func press(_ keys: String) { terminal.press(keys) }

    func exitCode() async -> Int32 { await child.exitCode() }
}

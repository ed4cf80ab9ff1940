/// Why there are no options to run with. Each message is one line that says what to do, but for
/// `information`.
public enum OptionsError: Error, Equatable, Sendable {
    /// Not a fault: the text that `--help` or `--version` asked for.
    case information(String)
    /// A flag is unknown, incomplete or has a bad value.
    case usage(String)
    /// A value from the environment or a file is bad, or good values do not go together.
    case configuration(String)

    /// The process's exit code, as sysexits.h numbers them: EX_USAGE is 64, EX_CONFIG is 78.
    public var exitCode: Int32 {
        switch self {
        case .information: 0
        case .usage: 64
        case .configuration: 78
        }
    }

    /// What to print: to standard output for `information`, else to standard error.
    public var message: String {
        switch self {
        case .information(let text), .usage(let text), .configuration(let text): text
        }
    }
}

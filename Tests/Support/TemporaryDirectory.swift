import Foundation

/// A directory of its own in `TMPDIR` or `/tmp`, removed with all it holds on deinit. Its path is short enough
/// for that of a unix socket.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(parent)/timesale-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            preconditionFailure("no temporary directory in \(parent): \(String(cString: strerror(errno)))")
        }
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

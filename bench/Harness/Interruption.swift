import Glibc
import Synchronization

private let isInterrupted = Atomic<Bool>(false)

/// Ctrl-C and SIGTERM end a measurement between two steps, so that its servers are stopped and its files removed.
public enum Interruption: Error, CustomStringConvertible {
    case interrupted

    public var description: String { "interrupted" }

    public static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in isInterrupted.store(true, ordering: .relaxed) }
        }
    }

    public static func check() throws {
        if isInterrupted.load(ordering: .relaxed) { throw Interruption.interrupted }
    }
}

import Glibc
import Synchronization

private let isInterrupted = Atomic<Bool>(false)

/// Ctrl-C and SIGTERM end a measurement at its next step, or its load at once, so that its servers are stopped and its
/// files removed.
public enum Interruption {
    public static func install() {
        // Who starts this from a thread that blocks them would have it inherit that, as would its servers.
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in isInterrupted.store(true, ordering: .relaxed) }
        }
    }

    public static func check() throws(LoadError) {
        if isInterrupted.load(ordering: .relaxed) { throw LoadError(description: "interrupted") }
    }
}

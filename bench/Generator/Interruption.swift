import Glibc
import Synchronization

private let isInterrupted = Atomic<Bool>(false)

/// Ctrl-C, SIGTERM and the end of the terminal end a measurement at its next step, or its load at once, so that its
/// servers are stopped and its files removed.
public enum Interruption {
    public static func install() {
        // Who starts this from a thread that blocks them would have it inherit that, as would its servers.
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        var hangUp = sigaction()
        sigaction(SIGHUP, nil, &hangUp)
        // As nohup has it.
        let isHangUpIgnored = unsafeBitCast(hangUp.__sigaction_handler.sa_handler, to: UInt.self) == 1
        for number in isHangUpIgnored ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in isInterrupted.store(true, ordering: .relaxed) }
        }
    }

    public static func check() throws(LoadError) {
        if isInterrupted.load(ordering: .relaxed) { throw LoadError(description: "interrupted") }
    }
}

import CLinux
import Glibc

/// A thread with a name and a body, joined once.
final class WorkThread: @unchecked Sendable {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private var thread = pthread_t()

    init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let code = pthread_create(
            &thread, nil,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                ts_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        if code != 0 { Fatal.exit("cannot start a thread: \(String(cString: strerror(code)))") }
    }

    func join() { pthread_join(thread, nil) }
}

/// Lets shards begin together: none may send to the ring of another before that ring is there.
final class StartGate: @unchecked Sendable {
    private let monitor = Monitor()
    private var missing: Int

    init(count: Int) { missing = count }

    func arriveAndWait() {
        monitor.locked {
            missing -= 1
            monitor.signal()
            while missing > 0 { monitor.wait() }
        }
    }

    func waitUntilAllAreReady() {
        monitor.locked {
            while missing > 0 { monitor.wait() }
        }
    }
}

import Dispatch
import Glibc
import Synchronization

/// Turns Ctrl-C (SIGINT), SIGTERM and SIGHUP into the cancelling of a task, so that a command ends by its own way out.
final class Interruption: Sendable {
    private let received = Atomic<Int32>(0)

    /// The signal that came; nil if none did.
    var signal: Int32? {
        let signal = received.load(ordering: .relaxed)
        return signal == 0 ? nil : signal
    }

    /// Runs `body` in a task that the signals cancel. A second signal ends the process, as it would have without this.
    func cancelling(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task { try await body() }
        let sources = [SIGINT, SIGTERM, SIGHUP].filter(Self.isNotIgnored).map { number in
            Glibc.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Glibc.signal(number, SIG_DFL)
                self.received.store(number, ordering: .relaxed)
                task.cancel()
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        try await task.value
    }

    /// What started this process in the background, or with nohup, wants the signal to be ignored.
    private static func isNotIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return true }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != 1
    }
}

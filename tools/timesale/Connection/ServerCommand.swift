import ArgumentParser
import TimesaleClient

/// A command that talks to a server. `run(_:)` is all that it has to write.
protocol ServerCommand: AsyncParsableCommand, Sendable {
    /// What codes mean here that mean something else elsewhere.
    static var wording: [RefusalCode: String] { get }

    var common: CommonOptions { get }

    func run(_ session: Session) async throws
}

extension ServerCommand {
    static var wording: [RefusalCode: String] { Wording.sales }

    /// Ctrl-C cancels what is under way: a call that was sent then ends as an unknown outcome, and its id is told.
    func run() async throws {
        let command = self
        let interruption = Interruption()
        do {
            try await interruption.cancelling {
                let session = try await Session.open(command.common, wording: Self.wording)
                do {
                    try await command.run(session)
                } catch let error as TimesaleError {
                    throw session.failure(error)
                }
            }
        } catch {
            // All is said already, also that it was interrupted.
            if error is ExitStatus { throw error }
            guard let signal = interruption.signal else { throw error }
            var failure =
                error as? Failure
                ?? Failure(.refused, code: "INTERRUPTED", "interrupted; nothing was changed")
            if failure.status != .unknown { failure.signal = signal }
            throw failure
        }
    }
}

import ArgumentParser
import TimesaleClient

/// A command that talks to a server. `run(_:)` is all that it has to write.
protocol ServerCommand: AsyncParsableCommand, Sendable {
    var common: CommonOptions { get }

    func run(_ session: Session) async throws
}

extension ServerCommand {
    /// Ctrl-C cancels what is under way: a call that was sent then ends as an unknown outcome, and its id is told.
    func run() async throws {
        let command = self
        let interruption = Interruption()
        do {
            try await interruption.cancelling {
                let session = try await Session.open(command.common)
                do {
                    try await command.run(session)
                } catch let error as TimesaleError {
                    throw Failure(error, address: session.address)
                }
            }
        } catch {
            guard let signal = interruption.signal else { throw error }
            var failure =
                error as? Failure
                ?? Failure(.refused, code: "INTERRUPTED", "interrupted; nothing was changed")
            if failure.status != .unknown { failure.signal = signal }
            throw failure
        }
    }
}

import Foundation
import Logging
import NIOCore

/// The sidecar as a process.
public enum Sidecar {
    /// Runs until SIGTERM or SIGINT; returns the exit code.
    ///
    /// - Parameter tell: gets `listening on ADDRESS` and `ready`, as the engine says them: the first when connections
    ///   are taken, the second at once behind it.
    public static func run(
        _ options: SidecarOptions, tell: @escaping @Sendable (String) -> Void
    ) async -> Int32 {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "timesale-http")
        logger.logLevel = Logger.Level(rawValue: options.logLevel.rawValue) ?? .info
        if options.tokens.isEmpty {
            logger.notice("no --token-file: everybody on this machine may create, sell and cancel")
        }
        let server = SidecarServer(options: options, logger: logger) { address in
            tell("listening on \(address)")
            tell("ready")
        }
        do {
            try await server.run()
            return 0
        } catch {
            logger.critical("\(sentence(for: error, options))")
            return 1
        }
    }

    /// What is wrong and what helps.
    private static func sentence(for error: any Error, _ options: SidecarOptions) -> String {
        guard let error = error as? IOError else { return "it stops: \(error)" }
        let why = String(cString: strerror(error.errnoCode))
        return "cannot listen on \(options.listen): \(why)"
            + (error.errnoCode == EADDRINUSE ? "; another process has it, give another --listen" : "")
    }
}

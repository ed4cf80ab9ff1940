import ArgumentParser
import Foundation
import TimesaleClient

/// What every command that talks to a server takes.
struct CommonOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Where the server listens: HOST:PORT or unix:PATH. Also: TIMESALE_SERVER. (default: 127.0.0.1:7070)",
            valueName: "address"),
        transform: Reading.address)
    var server: ClientConfiguration.Address?

    @Option(
        help: ArgumentHelp(
            """
            A file with the token, alone or as in the server's own file (the first admin line, else the first). \
            Also: TIMESALE_TOKEN holds the token itself. (default: none)
            """, valueName: "file"),
        completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp("How long to wait for the server's answer.", valueName: "duration"),
        transform: { try Reading.duration($0, in: 1...3_600_000) })
    var timeout = Milliseconds(5_000)

    @Flag(help: "Print JSON.")
    var json = false

    /// The flag, else the environment, else the server's own default.
    func address(_ environment: [String: String]) throws -> ClientConfiguration.Address {
        if let server { return server }
        guard let text = environment["TIMESALE_SERVER"], !text.isEmpty else {
            return .tcp(host: "127.0.0.1", port: 7070)
        }
        guard let address = ClientConfiguration.Address(text) else {
            throw Failure.usage("TIMESALE_SERVER is \"\(text)\"; write HOST:PORT or unix:PATH")
        }
        return address
    }

    func configuration(_ environment: [String: String]) throws -> ClientConfiguration {
        var configuration = ClientConfiguration(try address(environment))
        configuration.token =
            try tokenFile.map(TokenFile.read) ?? environment["TIMESALE_TOKEN"] ?? ""
        configuration.timeoutMs = UInt32(clamping: timeout.value)
        configuration.connectTimeoutMs = min(configuration.connectTimeoutMs, configuration.timeoutMs)
        return configuration
    }

    /// The options that reach the same server again, for a command that is printed.
    var words: [String] {
        (server.map { ["--server", "\($0)"] } ?? []) + (tokenFile.map { ["--token-file", $0] } ?? [])
    }
}

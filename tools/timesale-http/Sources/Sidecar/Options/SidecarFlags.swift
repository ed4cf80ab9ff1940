import ArgumentParser
import Configuration
import Settings

/// The flags of the command line as texts, and the help. Their values are read where those of the environment and the
/// file are, in `SidecarOptions+Parse.swift`, so that one rule has one sentence.
struct SidecarFlags: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timesale-http",
        abstract: "Offer a timesale engine over HTTP and JSON.",
        usage: "timesale-http [OPTIONS]",
        discussion: """
            Without options it serves this machine alone, on http://127.0.0.1:8080, and speaks to the engine on \
            127.0.0.1:7070. GET /openapi.json tells what can be asked. Stop it with Ctrl-C or SIGTERM: it finishes \
            the requests that are under way and exits with 0.

            Each option is also an environment variable (--token-file is TIMESALE_HTTP_TOKEN_FILE; lists take \
            commas) and a key of the JSON file given with --config ("token-file"; lists are JSON lists). A flag \
            wins over the environment, the environment over the file. A duration is a number with ms, s, m, h or d, \
            such as 30s. A rate is N or N:BURST: N requests a second, BURST of them at once.

            Examples:
              timesale-http
              timesale-http --engine unix:/run/timesale.sock
              timesale-http --listen 0.0.0.0:8443 --token-file tokens --tls-certificate cert.pem --tls-key key.pem
              timesale-http --user-rate 5:20 --address-rate 1000
            """,
        version: Version.current)

    @Option(help: help("file", "Read options from this JSON file.")) var config: String?

    @OptionGroup(title: "Addresses") var addresses: AddressFlags
    @OptionGroup(title: "Access") var access: AccessFlags
    @OptionGroup(title: "Limits") var limits: LimitFlags
    @OptionGroup(title: "Process") var process: ProcessFlags

    struct AddressFlags: ParsableArguments {
        @Option(
            help: help(
                "address",
                "HOST:PORT, [V6]:PORT or unix:PATH; port 0 is any free one. (default: 127.0.0.1:8080)"))
        var listen: String?

        @Option(
            help: help(
                "address",
                """
                Where the engine listens: HOST:PORT or unix:PATH. On one machine the unix socket costs half as much. \
                (default: 127.0.0.1:7070)
                """))
        var engine: String?

        @Option(
            help: help(
                "file",
                """
                The engine's own token file, or one with the token of this sidecar: its first admin token is used, \
                else its first. SIGHUP has it read again.
                """))
        var engineTokenFile: String?

        @Option(
            help: help(
                "duration", "How long a request waits for the engine before its outcome is unknown. (default: 5s)"))
        var engineTimeout: String?
    }

    struct AccessFlags: ParsableArguments {
        @Option(
            help: help(
                "file",
                """
                Admit only requests with a bearer token of this file: lines "shop TOKEN" or "admin TOKEN", 16 to 78 \
                bytes each, "#" for comments; closed to other users (chmod 600). Needed to listen beyond this machine. \
                SIGHUP has it read again: no restart for other tokens.
                """))
        var tokenFile: String?

        @Option(help: help("file", "Speak TLS with this certificate, in PEM, its chain behind it."))
        var tlsCertificate: String?

        @Option(help: help("file", "The private key of the certificate, in PEM."))
        var tlsKey: String?

        @Option(
            help: help(
                "origin",
                "Let pages of this origin ask, such as https://shop.example, or *; may be repeated. (default: none)"
            ))
        var corsOrigin: [String] = []
    }

    struct LimitFlags: ParsableArguments {
        @Option(help: help("rate", "Requests that change something, for one user. (default: no limit)"))
        var userRate: String?

        @Option(help: help("rate", "Requests of one address. (default: no limit)"))
        var addressRate: String?

        @Option(
            help: help(
                "yes|no",
                """
                Take the last address of X-Forwarded-For for the one that asks: behind a proxy that sets it. \
                (default: no)
                """))
        var trustForwardedFor: String?

        @Option(help: help("n", "Most open connections; further ones wait. (default: 10000)"))
        var connections: String?

        @Option(help: help("n", "Most requests under way; further ones get 503 at once. (default: 10000)"))
        var requests: String?

        @Option(help: help("n", "Most streams of events; further ones get 503. (default: 1000)"))
        var streams: String?

        @Option(
            help: help(
                "duration", "Cut off a client that does not send a request whole in this time. (default: 10s)"))
        var clientTimeout: String?

        @Option(help: help("duration", "Close connections on which nothing happens for so long. (default: 75s)"))
        var idleTimeout: String?
    }

    struct ProcessFlags: ParsableArguments {
        @Option(
            help: help(
                "yes|open|no",
                """
                Offer /metrics: with a token where tokens are configured (yes), to everybody (open), or not at all \
                (no). (default: yes)
                """))
        var metrics: String?

        @Option(
            help: help(
                "n",
                """
                Most sales, and coupon policies, whose stock /metrics tells, 0 to 1000: the newest that are open or \
                sold out. (default: 100)
                """))
        var metricsSales: String?

        @Option(
            help: help(
                "duration",
                """
                After SIGTERM, be not ready for so long before connections are refused: time for a load balancer to \
                see it. (default: 0s)
                """))
        var stopDelay: String?

        @Option(
            help: help(
                "n", "Threads that serve, 1 to 64; each does 20,000 requests a second or more. (default: 2)"))
        var threads: String?

        @Option(
            help: help(
                "level",
                """
                Least important message to log: trace, debug, info, notice, warning, error or critical. \
                (default: info)
                """))
        var logLevel: String?
    }

    /// The given flags as the strongest layer.
    var provider: InMemoryProvider {
        let texts: [SidecarSetting: String?] = [
            .listen: addresses.listen, .engine: addresses.engine, .engineTokenFile: addresses.engineTokenFile,
            .engineTimeout: addresses.engineTimeout, .tokenFile: access.tokenFile,
            .tlsCertificate: access.tlsCertificate, .tlsKey: access.tlsKey, .userRate: limits.userRate,
            .addressRate: limits.addressRate, .trustForwardedFor: limits.trustForwardedFor,
            .connections: limits.connections, .requests: limits.requests, .streams: limits.streams,
            .clientTimeout: limits.clientTimeout, .idleTimeout: limits.idleTimeout,
            .metrics: process.metrics, .metricsSales: process.metricsSales, .stopDelay: process.stopDelay,
            .threads: process.threads, .logLevel: process.logLevel,
        ]
        return SidecarSetting.flags(texts, lists: [.corsOrigin: access.corsOrigin])
    }

    /// Parses the arguments (without the program's name); `--help` and `--version` come back as `information`.
    static func read(_ arguments: [String]) throws(OptionsError) -> SidecarFlags {
        do {
            return try SidecarFlags.parse(arguments)
        } catch {
            if exitCode(for: error).isSuccess { throw .information(fullMessage(for: error)) }
            let fault = message(for: error).split(separator: "\n").joined(separator: " ")
            throw .usage("\(fault) (see timesale-http --help)")
        }
    }
}

private func help(_ valueName: String, _ text: String) -> ArgumentHelp {
    ArgumentHelp("\(text)", valueName: valueName)
}

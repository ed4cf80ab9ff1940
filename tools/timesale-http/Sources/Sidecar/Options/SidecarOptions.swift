import HummingbirdCore
import NIOCore
public import Settings
import TimesaleClient

/// The configuration of the sidecar, resolved and checked. Times in ms.
public struct SidecarOptions: Sendable {
    /// So many requests a second, so many at once.
    struct Rate: Equatable, Sendable {
        var rate: Int
        var burst: Int
    }

    var listen = ListenAddress.tcp(host: "127.0.0.1", port: 8080)
    var engine = ClientConfiguration.Address.tcp(host: "127.0.0.1", port: 7070)
    var engineToken = ""
    /// Where it is read from, again on SIGHUP.
    var engineTokenFile: String?
    var engineTimeoutMs: UInt64 = 5_000

    /// Empty: everybody on this machine may do everything.
    var tokens: [Token] = []
    /// Where they are read from, again on SIGHUP.
    var tokenFile: String?
    var tlsCertificate: String?
    var tlsKey: String?
    var corsOrigins: [String] = []

    /// Nil: no limit.
    var userRate: Rate?
    var addressRate: Rate?
    var isForwardedForTrusted = false
    var connectionCountMax = 10_000
    var requestCountMax = 10_000
    var streamCountMax = 1_000
    var clientTimeoutMs: UInt64 = 10_000
    var idleTimeoutMs: UInt64 = 75_000

    /// Who may ask for metrics.
    enum Metrics: String, Sendable, CaseIterable {
        /// Those who may order: everybody on this machine, or with a token where tokens are configured.
        case yes
        case open
        case no
    }

    var metrics = Metrics.yes
    /// Sales, and likewise policies, that metrics tell of.
    var metricsSaleCountMax = 100

    var stopDelayMs: UInt64 = 0
    var threadCount = 2
    public var logLevel = LogLevel.info

    init() {}

    /// Checks what no value can be blamed for alone.
    func validate() throws(OptionsError) {
        if tokens.isEmpty, !listen.isLocal {
            throw .configuration(
                "listening on \(listen) without tokens lets the whole network sell and cancel; "
                    + "give --token-file FILE, or listen on 127.0.0.1 only")
        }
        if (tlsCertificate == nil) != (tlsKey == nil) {
            throw .configuration("--tls-certificate and --tls-key go together; give both or none")
        }
    }

    var bindAddress: BindAddress {
        switch listen {
        case .tcp(let host, let port): .hostname(host, port: Int(port))
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    /// The address that it listens on, as a URL where there is one.
    func spelling(of bound: SocketAddress?) -> String {
        guard case .tcp(let host, let port) = listen else { return "\(listen)" }
        let port_ = bound?.port ?? Int(port)
        let scheme = tlsCertificate == nil ? "http" : "https"
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port_)"
    }
}

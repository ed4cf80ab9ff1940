import Settings

/// One option of the sidecar: `--engine-timeout`, `TIMESALE_HTTP_ENGINE_TIMEOUT`, `"engine-timeout"`.
enum SidecarSetting: String, SettingName {
    case listen
    case engine
    case engineTokenFile = "engine-token-file"
    case engineTimeout = "engine-timeout"
    case tokenFile = "token-file"
    case tlsCertificate = "tls-certificate"
    case tlsKey = "tls-key"
    case corsOrigin = "cors-origin"
    case userRate = "user-rate"
    case addressRate = "address-rate"
    case trustForwardedFor = "trust-forwarded-for"
    case connections
    case requests
    case streams
    case clientTimeout = "client-timeout"
    case idleTimeout = "idle-timeout"
    case stopDelay = "stop-delay"
    case threads
    case logLevel = "log-level"

    static let program = "timesale-http"
    static let prefix = ["timesale", "http"]

    static func isForeign(_ variable: String) -> Bool { false }

    var isList: Bool { self == .corsOrigin }
}

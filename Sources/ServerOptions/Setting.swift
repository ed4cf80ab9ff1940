import Configuration

/// One option of the server. Its name is the same everywhere: `--token-file`, `TIMESALE_TOKEN_FILE`,
/// `"token-file"`.
enum Setting: String, CaseIterable {
    case listen
    case tokenFile = "token-file"
    case connections
    case clientTimeout = "client-timeout"
    case data
    case fsync
    case segmentSize = "segment-size"
    case logAhead = "log-ahead"
    case shards
    case pin
    case users
    case orders
    case sales
    case transactions
    case coupons
    case checkouts
    case tables
    case retain
    case grace
    case logLevel = "log-level"

    /// Every environment variable that starts so is ours to know or to refuse.
    static let environmentPrefix = "TIMESALE_"

    /// Names the file itself, so it is not a setting that the file can hold.
    static let configVariable = environmentPrefix + "CONFIG"

    var flag: String { "--" + rawValue }

    var environmentVariable: String {
        Self.environmentPrefix + rawValue.uppercased().replacing("-", with: "_")
    }

    /// The name within a layer; swift-configuration spells it TIMESALE_TOKEN_FILE in the environment.
    var key: AbsoluteConfigKey { AbsoluteConfigKey(["timesale", rawValue]) }

    /// Whether several values may be given: a repeated flag, commas in the environment, a list in the file.
    var isList: Bool { self == .listen || self == .pin }
}

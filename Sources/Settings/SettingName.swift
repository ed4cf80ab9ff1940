public import Configuration

/// The options of one program, as an enumeration of their names. A name is the same everywhere: `--token-file`,
/// `TIMESALE_TOKEN_FILE`, `"token-file"`.
public protocol SettingName: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// Whose `--help` tells the names.
    static var program: String { get }

    /// The words before the option's own in an environment variable, such as `["timesale"]`.
    static var prefix: [String] { get }

    /// Whether a variable with the prefix is another program's: it is no mistyped name then.
    static func isForeign(_ variable: String) -> Bool

    /// Whether several values may be given: a repeated flag, commas in the environment, a list in the file.
    var isList: Bool { get }
}

extension SettingName {
    /// Every environment variable that starts so is ours to know or to refuse.
    public static var environmentPrefix: String { prefix.map { $0.uppercased() + "_" }.joined() }

    /// Names the file itself, so it is not a setting that the file can hold.
    public static var configVariable: String { environmentPrefix + "CONFIG" }

    public var flag: String { "--" + rawValue }

    public var environmentVariable: String {
        Self.environmentPrefix + rawValue.uppercased().replacing("-", with: "_")
    }

    /// The name within a layer; swift-configuration spells it TIMESALE_TOKEN_FILE in the environment.
    public var key: AbsoluteConfigKey { AbsoluteConfigKey(Self.prefix + [rawValue]) }
}

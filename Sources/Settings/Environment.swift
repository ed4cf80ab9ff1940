import Configuration

/// The settings among the environment variables. An unknown name with our prefix is refused, so that a mistyped
/// one does not leave its default in force without a word. An empty value counts as not set, as in compose
/// files.
enum Environment<Setting: SettingName> {
    static func read(_ environment: [String: String]) throws(OptionsError) -> EnvironmentVariablesProvider {
        let known = Set(Setting.allCases.map(\.environmentVariable)).union([Setting.configVariable])
        var ours: [String: String] = [:]
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(Setting.environmentPrefix) {
            if known.contains(name) {
                if !value.isEmpty { ours[name] = value }
            } else if !isServiceLink(name), !Setting.isForeign(name) {
                throw .configuration(
                    "unknown environment variable \(name); unset it, or see \(Setting.program) --help for the names")
            }
        }
        return EnvironmentVariablesProvider(environmentVariables: ours)
    }

    /// Kubernetes puts the addresses of a service named `timesale` or `timesale-...` into every pod as
    /// TIMESALE_SERVICE_HOST, TIMESALE_PORT_7070_TCP and the like. Nobody typed those.
    static func isServiceLink(_ name: String) -> Bool {
        name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")
            || name.hasSuffix("_PORT") || name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)/)
    }
}

public import Configuration

extension SettingName {
    /// The flags of a command line as the strongest layer.
    ///
    /// - Parameters:
    ///   - texts: of settings with one value; nil: not given.
    ///   - lists: of settings that may have several; empty: not given.
    public static func flags(_ texts: [Self: String?], lists: [Self: [String]]) -> InMemoryProvider {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for case (let setting, let text?) in texts {
            values[setting.key] = ConfigValue(.string(text), isSecret: false)
        }
        for (setting, list) in lists where !list.isEmpty {
            values[setting.key] = ConfigValue(.stringArray(list), isSecret: false)
        }
        return InMemoryProvider(name: "flags", values: values)
    }
}

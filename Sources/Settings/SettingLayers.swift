public import Configuration

/// The sources of settings, strongest first: flags, environment, file. What none of them holds keeps its
/// default.
public struct SettingLayers<Setting: SettingName> {
    /// A setting's values in the strongest layer that has any, with the name under which the user gave them.
    public struct Found {
        public let texts: [String]
        let name: String
        let isFlag: Bool

        /// The fault's sentence; a flag's is one of usage, the others are of configuration.
        public func fault(_ value: String, _ fault: ValueFault) -> OptionsError {
            let sentence = "\(name): \(value.debugDescription) \(fault.text)"
            return isFlag ? .usage(sentence) : .configuration(sentence)
        }
    }

    private struct Layer {
        let snapshot: any ConfigSnapshot
        let isFlag: Bool
        let nameOf: (Setting) -> String
    }

    private var layers: [Layer]

    /// - Parameter configPath: the file that a flag names; nil for that of the environment, if it names one.
    public init(
        flags: InMemoryProvider, configPath: String?, environment: [String: String]
    ) throws(OptionsError) {
        let variables = try Environment<Setting>.read(environment)
        layers = [
            Layer(snapshot: flags.snapshot(), isFlag: true, nameOf: \.flag),
            Layer(snapshot: variables.snapshot(), isFlag: false, nameOf: \.environmentVariable),
        ]
        let variable = environment[Setting.configVariable].flatMap { $0.isEmpty ? nil : $0 }
        if let path = configPath ?? variable {
            let file = try ConfigFile<Setting>.read(path)
            layers.append(Layer(snapshot: file.snapshot(), isFlag: false) { "\($0.rawValue) in \(path)" })
        }
    }

    /// The strongest layer replaces the others whole: a `--listen` does not add to the addresses of the file.
    public func find(_ setting: Setting) -> Found? {
        for layer in layers {
            let type: ConfigType = setting.isList ? .stringArray : .string
            // No layer holds a value of another type: each writes lists and texts as the setting wants them.
            guard let found = try? layer.snapshot.value(forKey: setting.key, type: type).value else {
                continue
            }
            switch found.content {
            case .string(let text):
                return Found(texts: [text], name: layer.nameOf(setting), isFlag: layer.isFlag)
            case .stringArray(let texts):
                return Found(texts: texts, name: layer.nameOf(setting), isFlag: layer.isFlag)
            default: continue
            }
        }
        return nil
    }

    /// Every value of the setting, read by `read`; nil where no layer has it.
    public func values<Value>(
        _ setting: Setting, _ read: (String) -> Result<Value, ValueFault>
    ) throws(OptionsError) -> [Value]? {
        guard let found = find(setting) else { return nil }
        var values: [Value] = []
        for text in found.texts {
            switch read(text) {
            case .success(let value): values.append(value)
            case .failure(let fault): throw found.fault(text, fault)
            }
        }
        return values
    }

    /// The one value of the setting, read by `read`; nil where no layer has it.
    public func value<Value>(
        _ setting: Setting, _ read: (String) -> Result<Value, ValueFault>
    ) throws(OptionsError) -> Value? {
        try values(setting, read)?.first
    }
}

public import Configuration
import Foundation

/// The file of `--config`: one JSON object whose keys are the long names of the flags, without the dashes.
///
/// It is decoded here and handed to swift-configuration as values in memory, since that library's own JSON
/// snapshot lists no keys (a mistyped one would pass in silence), takes `true` for 1 and an object for an
/// absent value.
public enum ConfigFile<Setting: SettingName> {
    /// What a value may be: a number or a text, or a list of these. All become texts, as in flags and
    /// environment.
    private struct Value: Decodable {
        let texts: [String]
        let isList: Bool
        /// False for a list, and for what is neither number nor text.
        var isSingle: Bool { !isList && !texts.isEmpty }

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let number = try? value.decode(Int.self) {
                (texts, isList) = ([String(number)], false)
            } else if let text = try? value.decode(String.self) {
                (texts, isList) = ([text], false)
            } else if let items = try? value.decode([Value].self), items.allSatisfy(\.isSingle) {
                (texts, isList) = (items.flatMap(\.texts), true)
            } else {
                (texts, isList) = ([], false)
            }
        }
    }

    public static func read(_ path: String) throws(OptionsError) -> InMemoryProvider {
        let name = "configuration file \(path.debugDescription)"
        let bytes: [UInt8]
        switch SmallFile.read(path) {
        case .failure(let fault): throw .configuration("\(name) \(fault.text)")
        case .success(let file): bytes = file.bytes
        }
        let entries: [String: Value]
        do {
            entries = try JSONDecoder().decode([String: Value].self, from: Data(bytes))
        } catch {
            let example = #"{"listen": "127.0.0.1:7070"}"#
            throw .configuration(
                "\(name) is not a JSON object; write one, such as \(example)\(place(in: bytes))")
        }
        return try provider(entries, name: name)
    }

    /// Where the text stops being JSON, as in " (Invalid value around character 7.)": JSONDecoder does not
    /// say it.
    private static func place(in bytes: [UInt8]) -> String {
        do {
            _ = try JSONSerialization.jsonObject(with: Data(bytes))
            return ""
        } catch {
            return ((error as NSError).userInfo["NSDebugDescription"] as? String).map { " (\($0))" } ?? ""
        }
    }

    private static func provider(_ entries: [String: Value], name: String) throws(OptionsError)
        -> InMemoryProvider
    {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in entries.sorted(by: { $0.key < $1.key }) {
            guard let setting = Setting(rawValue: key) else {
                let known = Setting.allCases.map(\.rawValue).joined(separator: ", ")
                throw .configuration(
                    "\(name) has an unknown key \(key.debugDescription); the keys are \(known)")
            }
            guard value.isSingle || (setting.isList && !value.texts.isEmpty) else {
                let form = setting.isList ? "a text or a list of texts" : "one number or text"
                throw .configuration("\(name): \(key.debugDescription) must be \(form)")
            }
            let content: ConfigContent = setting.isList ? .stringArray(value.texts) : .string(value.texts[0])
            values[setting.key] = ConfigValue(content, isSecret: false)
        }
        return InMemoryProvider(name: name, values: values)
    }
}

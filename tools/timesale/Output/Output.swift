import Foundation

/// Where a command's answer goes: standard output, as text for people or as JSON.
struct Output: Sendable {
    let isJSON: Bool
    let style: Style
    /// Whether a person watches: what is printed can be overwritten.
    let isLive: Bool

    init(isJSON: Bool, environment: [String: String] = ProcessInfo.processInfo.environment) {
        let isTerminal = Descriptor.output.isTerminal
        self.isJSON = isJSON
        style = Style.chosen(isTerminal: isTerminal, environment: environment)
        isLive = isTerminal && !isJSON && environment["TERM"] != "dumb"
    }

    /// One of the two, as asked for.
    func show(json: @autoclosure () -> JSON, text: @autoclosure () -> String) {
        Descriptor.output.write(isJSON ? json().text + "\n" : text())
    }

    /// A remark for people alone.
    func remark(_ text: @autoclosure () -> String) {
        if !isJSON { Descriptor.output.write(text()) }
    }
}

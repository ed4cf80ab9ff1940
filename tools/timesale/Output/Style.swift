/// What a piece of text is, for the eye.
enum Tone: String {
    case plain = ""
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
}

/// Whether tones are shown, as colours of the terminal.
struct Style {
    var isColoured: Bool

    static let plain = Style(isColoured: false)

    /// NO_COLOR (no-color.org) and a terminal that is dumb or none want no colour.
    static func chosen(isTerminal: Bool, environment: [String: String]) -> Style {
        Style(
            isColoured: isTerminal && (environment["NO_COLOR"] ?? "").isEmpty
                && environment["TERM"] != "dumb")
    }

    func paint(_ text: String, _ tone: Tone) -> String {
        isColoured && tone != .plain ? "\u{1b}[\(tone.rawValue)m\(text)\u{1b}[0m" : text
    }
}

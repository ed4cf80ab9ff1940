/// A moment as an argument: absolute, or so long after the server's now.
enum Moment: Hashable {
    case at(ms: UInt64)
    case fromNow(Milliseconds)

    /// Reads RFC 3339, or `+10s`; nil for anything else.
    init?(_ text: String) {
        if text.hasPrefix("+"), let delay = Milliseconds(text.dropFirst()) {
            self = .fromNow(delay)
        } else if let ms = Timestamp.ms(text) {
            self = .at(ms: ms)
        } else {
            return nil
        }
    }

    /// - Parameter nowMs: by the server's clock, which is the one that decides.
    func ms(nowMs: UInt64) -> UInt64 {
        switch self {
        case .at(let ms): ms
        case .fromNow(let delay):
            nowMs.addingReportingOverflow(delay.value).overflow ? .max : nowMs + delay.value
        }
    }

    var isRelative: Bool { if case .fromNow = self { true } else { false } }
}

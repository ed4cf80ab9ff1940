/// How a run of the tool ended. The numbers are part of its interface; those from 64 on are those of sysexits.h.
enum ExitStatus: Int32, Error, CaseIterable {
    case done = 0
    case refused = 1
    case unknown = 2
    case usage = 64
    case unavailable = 69
    case broken = 70
    case later = 75
    case denied = 77

    var meaning: String {
        switch self {
        case .done: "done; also if it had been done before"
        case .refused: "refused, nothing changed: SOLD_OUT, EXHAUSTED, INSUFFICIENT_POINTS, NOT_FOUND, ..."
        case .unknown: "outcome unknown: the printed command asks again, and does nothing twice"
        case .usage: "a bad flag or argument; nothing was sent"
        case .unavailable: "no server at the address"
        case .broken: "rush found a promise broken, or the answer makes no sense"
        case .later: "not now, nothing changed: BUSY, CAPACITY, NO_SPACE, TIMED_OUT, ..."
        case .denied: "the token is missing, wrong, or may not do this"
        }
    }

    /// For the help.
    static var table: String {
        let rows = allCases.map { status in
            let number = String(status.rawValue)
            return String(repeating: " ", count: 4 - number.count) + "\(number)  \(status.meaning)"
        }
        return (["Exit codes:"] + rows + [" 130  ended by Ctrl-C (128 + the signal's number)"])
            .joined(separator: "\n")
    }
}

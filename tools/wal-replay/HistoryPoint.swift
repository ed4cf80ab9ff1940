import ArgumentParser
import CommandLineTool
import Protocol

/// A point in the history of a log, as an argument: a sequence or a time.
enum HistoryPoint: Equatable, ExpressibleByArgument {
    case sequence(UInt64)
    case time(ms: UInt64)

    /// What a bare number is: below it a sequence, from it on ms since 1970 (it is September 2001).
    private static let sequenceMax: UInt64 = 1_000_000_000_000

    static let help = "TIME is RFC 3339 (2026-11-27T10:00:00Z) or ms since 1970, SEQ a sequence."

    init?(argument: String) {
        if let number = UInt64(argument) {
            self = number < Self.sequenceMax ? .sequence(number) : .time(ms: number)
        } else if argument.hasSuffix("ms"), let ms = UInt64(argument.dropLast(2)) {
            self = .time(ms: ms)
        } else if let ms = Timestamp.ms(argument) {
            self = .time(ms: ms)
        } else {
            return nil
        }
    }
}

/// A user or the id of an operation, as an argument.
struct IdArgument: ExpressibleByArgument {
    let id: Id128

    /// A UUID; a user may also be a whole number above 0.
    init?(argument: String) {
        if let number = UInt64(argument), number > 0 {
            id = Id128(number)
        } else if let uuid = Id128(argument) {
            id = uuid
        } else {
            return nil
        }
    }
}

internal import Protocol

/// A place in the durable events of a server: everything up to here has been seen. Keep it beside what you made of
/// the events, in the same transaction, and nothing is ever missed or done twice.
///
/// Events have one order over all shards: by the sequence of the block of the log that they stand in, then by their
/// number in it. A position stays good across restarts of the server, until the server no longer keeps what comes
/// behind it.
///
/// As text (`description`, `init(_:)`, `Codable`): `812.3` for event 3 of block 812, `812` for all of that block.
public struct TailPosition: Hashable, Comparable, Sendable {
    /// Of the block.
    public let sequence: UInt64
    /// Of the last event in it, from 0; nil: all of the block.
    public let index: UInt32?

    /// Before the first event that ever was.
    public static let beginning = TailPosition(sequence: 0)

    public init(sequence: UInt64, index: UInt32? = nil) {
        self.sequence = sequence
        self.index = index == LogPlace.wholeBlock ? nil : index
    }

    init(_ place: LogPlace) { self.init(sequence: place.sequence, index: place.index) }

    var place: LogPlace { LogPlace(sequence: sequence, index: index ?? LogPlace.wholeBlock) }

    public static func < (left: TailPosition, right: TailPosition) -> Bool { left.place < right.place }
}

extension TailPosition: CustomStringConvertible, LosslessStringConvertible {
    /// Reads `SEQUENCE` or `SEQUENCE.INDEX`, decimal numbers; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ part in part.utf8.allSatisfy { (48...57).contains($0) } }),
            let sequence = UInt64(parts[0])
        else { return nil }
        guard parts.count == 2 else {
            self.init(sequence: sequence)
            return
        }
        guard let index = UInt32(parts[1]), index < LogPlace.wholeBlock else { return nil }
        self.init(sequence: sequence, index: index)
    }

    public var description: String { index.map { "\(sequence).\($0)" } ?? "\(sequence)" }
}

extension TailPosition: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let position = TailPosition(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no position")
        }
        self = position
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

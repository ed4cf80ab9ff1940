internal import Protocol

/// What a single call of `tail` brought.
enum TailReply: Sendable {
    case batch(TailBatch)
    /// What comes behind the position is not there any more.
    case trimmed(oldest: TailPosition)
}

enum FollowLog: WireCall {
    static let operation = Operation.tail
    static let changes = false

    static func answer(_ entry: TailEntry, _ reply: Reply, _ index: Int) -> TailReply? {
        let count = reply.header.count
        guard count > 0, count <= Int(entry.limit) + 1 else { return nil }
        // The last result is the place, in place of an event.
        let last = reply.body + (count - 1) * TailResult.sizeBytes
        let place = TailPosition(LogPlace(sequence: last.loadLE(8), index: last.loadLE(4)))
        switch ResultCode(rawValue: last.loadLE(0)) {
        case .ok:
            let events = (0..<(count - 1)).map { TailEvent(reply.body + $0 * TailResult.sizeBytes) }
            return .batch(TailBatch(events: events, position: place))
        case .trimmed where count == 1: return .trimmed(oldest: place)
        default: return nil
        }
    }
}

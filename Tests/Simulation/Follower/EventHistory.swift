import Engine
import Log
import Protocol

/// All events of all logs in the order of their sequences, as their blocks were sealed, over all lives of the process:
/// what those who follow must see. What a crash undoes leaves it.
struct EventHistory {
    struct Event {
        var place: LogPlace
        var shard: Int
        var bytes: ArraySlice<UInt8>
    }

    private(set) var events: [Event] = []

    /// A block is sealed, whose events the model has taken.
    mutating func add(_ command: WriteCommand, shard: Int) {
        let sequence = BlockHeader(command.memory).sequence
        for (index, event) in LogModel.events(of: command).enumerated() {
            events.append(
                Event(
                    place: LogPlace(sequence: sequence, index: UInt32(index)), shard: shard, bytes: event[...]))
        }
    }

    /// A crash has undone these blocks. Answers the first event of theirs that is not behind `place`: somebody has seen
    /// it.
    mutating func remove(sequences: Set<UInt64>, seen place: LogPlace) -> Event? {
        let first = events.first { sequences.contains($0.place.sequence) && $0.place <= place }
        events.removeAll { sequences.contains($0.place.sequence) }
        return first
    }

    /// The index of the first event behind a place.
    func index(behind place: LogPlace) -> Int {
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle].place <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

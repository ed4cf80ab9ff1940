import Engine
import Protocol

// Frames that have been received and wait their turn: what their entries will wait for is asked for meanwhile.

extension ShardCore {
    /// Adds the entries of a frame that waits its turn to `list`, as far as they fit and are of a kind that looking
    /// ahead is for. `frame` holds `lengthBytes` bytes that nobody has checked. Answers how many entries it
    /// claims to have.
    @inline(__always)
    public func collect(_ frame: UnsafeRawPointer, lengthBytes: Int, into list: inout LookAheadEntries) -> Int {
        let header = FrameHeader(frame)
        guard let operation = Operation(rawValue: header.operation), operation.owner == .ids,
            lengthBytes >= Frame.headerSizeBytes + header.count * operation.entrySizeBytes
        else { return 1 }
        var entry = frame + Frame.headerSizeBytes
        for _ in 0..<header.count {
            if list.isFull { break }
            list.append(entry, operation)
            entry += operation.entrySizeBytes
        }
        return header.count
    }

    /// Takes a step for these entries, and empties the list.
    public func lookAhead(_ step: LookAheadStep, _ list: inout LookAheadEntries) {
        engine.pointee.lookAhead(step, &list)
    }
}

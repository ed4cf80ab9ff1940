import Engine
import Protocol

/// Somebody who follows the logs, and how far they have come: kept from one request to the next, so that who goes on
/// finds the files open and the blocks in memory.
public final class TailFollower {
    /// Everything up to here has been handed out.
    public private(set) var place: LogPlace
    private let tail: LogTail
    /// The block whose events are being handed out, and the number of the next one in it.
    private var block: (shard: Int, sequence: UInt64, cursor: EventCursor)?
    private var nextIndex: UInt32 = 0

    /// Begins behind a place, in the middle of its block if that has more events.
    public init(storage: any LogStorage, after place: LogPlace, recent: [RecentBlocks]) throws(TailFault) {
        let isWhole = place.index == LogPlace.wholeBlock || place.sequence == 0
        tail = try LogTail(
            storage: storage, after: isWhole ? place.sequence : place.sequence - 1, seen: place.sequence,
            recent: recent)
        self.place = place
    }

    /// Hands out the events behind the place, at most `limit`, none of a block beyond `cut`; answers how many.
    /// Before that it may be at the cut already: then there is none.
    public func read(into results: UnsafeMutableRawPointer, limit: Int, upTo cut: UInt64) throws(TailFault) -> Int {
        var count = 0
        while count < limit {
            if block == nil {
                guard let next = try tail.next(upTo: cut) else {
                    place = max(place, LogPlace(sequence: cut))
                    break
                }
                block = (next.shard, next.block.header.sequence, next.block.events)
                nextIndex = 0
            }
            guard let (kind, event) = try nextEvent() else { continue }
            let found = LogPlace(sequence: block!.sequence, index: nextIndex)
            nextIndex += 1
            guard found > place else { continue }
            let result = results + count * TailResult.sizeBytes
            TailResult.storeHead(.ok, shard: UInt16(block!.shard), found, to: result)
            let room = UnsafeMutableRawBufferPointer(
                start: result + TailResult.eventOffset, count: TailResult.eventSizeMaxBytes)
            // As long as it says itself: of a log of the version before this one it may be shorter.
            let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
            precondition(!kind.isOfSnapshot && sizeBytes <= room.count, "a log holds no records of snapshots")
            room.copyMemory(from: UnsafeRawBufferPointer(start: event, count: sizeBytes))
            UnsafeMutableRawBufferPointer(rebasing: room[sizeBytes...]).initializeMemory(as: UInt8.self, repeating: 0)
            place = found
            count += 1
        }
        return count
    }

    /// The next event of the block in hand; nil behind its last one, and then all of it has been handed out.
    private func nextEvent() throws(TailFault) -> (kind: EventKind, event: UnsafeRawPointer)? {
        do throws(EventFault) {
            if let next = try block!.cursor.next() { return next }
        } catch {
            throw .unreadable(
                RecoveryFault(
                    .damage, file: "the log of shard \(block!.shard)", "an event cannot be read: \(error)."))
        }
        place = max(place, LogPlace(sequence: block!.sequence))
        block = nil
        return nil
    }
}

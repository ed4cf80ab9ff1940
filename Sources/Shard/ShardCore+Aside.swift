import Engine
import Log
import Protocol

// Operations that take longer than a turn and touch nothing of a shard. The shard hands them to its driver, who has
// them done elsewhere, and gets the results back for the connection that asked.

/// A request of a connection that somebody else answers.
public struct AsideRequest: Sendable {
    public var operation: Operation
    public var connection: UInt64
    public var requestId: UInt64
    /// What `tail` asks for.
    public var tail: TailEntry?
}

extension ShardCore {
    /// Leaves a request for `takeAside`, or refuses it.
    @inline(never)
    mutating func putAside(
        _ operation: Operation, _ header: FrameHeader, _ entry: UnsafeRawPointer, _ connection: UInt64
    ) -> WorkProgress {
        var request = AsideRequest(operation: operation, connection: connection, requestId: header.requestId)
        if operation == .tail {
            guard TailEntry.isValid(entry) else { return refuseFrame(.invalid, header, connection) }
            request.tail = TailEntry(entry)
        }
        aside = request
        return .finished
    }

    /// The request that `begin` has just taken for somebody else, once.
    @inline(__always)
    public mutating func takeAside() -> AsideRequest? {
        guard aside != nil else { return nil }
        defer { aside = nil }
        return aside
    }

    /// The reply to a request that was handed out: `count` results, or none and why. False if there is no room for
    /// it now; a later turn has some.
    public mutating func answerAside(
        _ request: AsideRequest, status: ResultCode, count: Int, results: UnsafeRawBufferPointer
    ) -> Bool {
        guard hasReplyRoom else { return false }
        precondition(results.count == count * request.operation.resultSizeBytes)
        // Not in `scratch`, where work in hand may have its results.
        let frame = catalogueScratch
        UnsafeMutableRawBufferPointer(start: frame + Frame.headerSizeBytes, count: results.count)
            .copyMemory(from: results)
        let lengthBytes = Frame.headerSizeBytes + results.count
        FrameHeader.seal(
            frame, operation: request.operation.rawValue, status: status, requestId: request.requestId, count: count,
            lengthBytes: lengthBytes, flags: Frame.Flags.reply)
        immediate.append(ReplyDestination(connection: request.connection), waitLsn: 0, frame, lengthBytes)
        return true
    }
}

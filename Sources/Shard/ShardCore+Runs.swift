import Engine
import Protocol

// Runs: frames of one entry each that lie one behind the other and ask for the same, as a pipelining client sends
// them. They are decided as one batch and their replies put together as one stretch, so that what a frame costs by
// itself is its two checksums. Each keeps its own reply, and no reply waits for more than it has to.

extension ShardCore {
    static let runFramesMax = 128

    /// How many frames, from a frame on that has been examined, can be begun as one: that one, and those behind
    /// it as far as they are whole, in order, and of one entry of the same operation for this shard's users.
    /// `availableBytes` have been received from `frame` on.
    ///
    /// The end of a turn cuts no run in two. It would be answered by two messages in place of one; whoever asks for as
    /// much as has been answered then asks in two as well, and goes on so: a cut that was made once stays.
    public func runLength(_ frame: UnsafeRawPointer, _ header: FrameHeader, availableBytes: Int) -> Int {
        let size = header.lengthBytes
        let most = min(Self.runFramesMax, availableBytes / size)
        guard most > 1, beginsRun(frame, header) else { return 1 }
        // Their headers differ in request id and checksum alone, so that two comparisons say that all else is as
        // it was in the one that has been examined.
        let about: UInt64 = frame.loadLE(8)
        let extent: UInt64 = frame.loadLE(24)
        var frames = 1
        while frames < most {
            let next = frame + frames &* size
            guard next.loadLE(8) == about, next.loadLE(24) == extent, FrameHeader.hasMagic(next),
                FrameHeader(next).checksumMatches(next), shards == 1 || isOfOwnUser(next)
            else { break }
            frames &+= 1
        }
        return frames
    }

    @inline(__always)
    private func beginsRun(_ frame: UnsafeRawPointer, _ header: FrameHeader) -> Bool {
        guard header.count == 1, Operation(rawValue: header.operation)?.owner == .ids else { return false }
        return shards == 1 || isOfOwnUser(frame)
    }

    @inline(__always)
    private func isOfOwnUser(_ frame: UnsafeRawPointer) -> Bool {
        owner(ofEntry: frame + Frame.headerSizeBytes) == shard
    }

    mutating func beginRun(
        _ first: UnsafeRawPointer, _ operation: Operation, _ frames: Int, _ connection: UInt64, nowMs: UInt64
    ) -> WorkProgress {
        precondition(frames <= Self.runFramesMax)
        allowance = max(allowance, frames)
        work.source = .connection(connection, requestId: 0)
        work.runFrames = frames
        work.isInPlace = true
        work.batch = Batch(
            frames: first, of: operation, count: frames,
            replies: gated.reserve(frames * (Frame.headerSizeBytes + operation.resultSizeBytes)), waits: runWaits)
        return resume(nowMs: nowMs)
    }

    /// Seals the replies to a run, and hands them to where they go.
    mutating func finishRun(_ batch: Batch) {
        guard case .connection(let connection, _) = work.source else {
            preconditionFailure("a run comes from a connection")
        }
        let destination = ReplyDestination(connection: connection)
        let first = batch.results - Frame.headerSizeBytes
        let requestBytes = Frame.headerSizeBytes &+ batch.operation.entrySizeBytes
        let replyBytes = Frame.headerSizeBytes &+ batch.operation.resultSizeBytes
        var leastLsn = UInt64.max
        for index in 0..<work.runFrames {
            let requestId: UInt64 = (batch.entries - Frame.headerSizeBytes + index &* requestBytes).loadLE(16)
            FrameHeader.seal(
                first + index &* replyBytes, operation: batch.operation.rawValue, requestId: requestId, count: 1,
                lengthBytes: replyBytes, flags: Frame.Flags.reply)
            leastLsn = min(leastLsn, runWaits[index])
        }
        if work.isInPlace && leastLsn > writer.repliableLsn {
            gated.commit(destination, waitLsn: batch.waitLsn, work.runFrames &* replyBytes, frames: work.runFrames)
        } else {
            replyOneByOne(first, replyBytes, batch.operation, destination)
        }
        work.isInPlace = false
        work.runFrames = 0
    }

    /// Where some replies need not wait, none of these waits for the others.
    @inline(never)
    private mutating func replyOneByOne(
        _ first: UnsafeMutableRawPointer, _ replyBytes: Int, _ operation: Operation, _ destination: ReplyDestination
    ) {
        if work.isInPlace {
            // The place among the gated replies is about to be filled anew.
            scratch.copyMemory(from: first, byteCount: work.runFrames * replyBytes)
        }
        let replies = work.isInPlace ? scratch : first
        for index in 0..<work.runFrames {
            reply(destination, operation, waitLsn: runWaits[index], replies + index * replyBytes, replyBytes)
        }
    }
}

import Engine
import Protocol
import Shard

/// Walks ahead of the frame in hand through what has been received, and has the core start the loads that
/// those frames will wait for.
///
/// It reads frames that nobody has checked, in buffers that the kernel may get back before it has passed
/// them: what it finds decides nothing but which lines are loaded, and it stays within the piece.
struct Scout: ~Copyable {
    private let step: LookAheadStep
    private var entries = LookAheadEntries()
    /// The piece it is in, by its number in the queue, and what is left of it.
    private var piece = 0
    private var next: UnsafeMutableRawPointer?
    private var leftBytes = 0
    /// Entries that it is ahead of the frame in hand.
    private var ahead = 0

    init(_ step: LookAheadStep) { self.step = step }

    /// Goes on as far as is worth it. `count` entries at `frame`, in the front piece, are about to be decided.
    @inline(__always)
    mutating func advance(
        _ input: borrowing InputQueue, _ core: borrowing ShardCore, frame: UnsafeMutableRawPointer, count: Int
    ) {
        ahead -= count
        if ahead < 0 || piece < input.first || (piece == input.first && (next.map { $0 <= frame } ?? true)) {
            // Overtaken: begins again at the frame in hand.
            enter(input.first, input)
            ahead = -count
        }
        if ahead < step.entriesMin { takeStep(input, core) }
    }

    private mutating func takeStep(_ input: borrowing InputQueue, _ core: borrowing ShardCore) {
        while !entries.isFull && ahead < step.entriesMin + LookAheadStep.group {
            if leftBytes < Frame.headerSizeBytes {
                guard piece + 1 < input.end else { break }
                enter(piece + 1, input)
                continue
            }
            guard let bytes = next, case .frame(let lengthBytes) = StreamFraming.examine(bytes, leftBytes) else {
                leftBytes = 0
                continue
            }
            ahead += core.collect(bytes, lengthBytes: lengthBytes, into: &entries)
            next = bytes + lengthBytes
            leftBytes -= lengthBytes
        }
        if entries.count > 0 { core.lookAhead(step, &entries) }
    }

    @inline(__always)
    private mutating func enter(_ number: Int, _ input: borrowing InputQueue) {
        piece = number
        next = input[number].pointee.bytes
        leftBytes = next == nil ? 0 : Int(input[number].pointee.count)
    }
}

import Log

/// How far Redis is behind what is durable.
struct LagMeter {
    private let board: DurableBoard
    /// When the step in hand began, and what was durable then.
    private var read: Reading
    /// The same of the last step whose position Redis has.
    private var written: Reading

    private struct Reading {
        var atMs: UInt64 = 0
        var events: UInt64 = 0
        var bytes: UInt64 = 0
    }

    init(_ board: DurableBoard) {
        self.board = board
        read = Reading(events: Self.events(board), bytes: board.bytesSealed)
        written = read
    }

    /// A step begins.
    mutating func isRead(at nowMs: UInt64) {
        read = Reading(atMs: nowMs, events: Self.events(board), bytes: board.bytesSealed)
        if written.atMs == 0 { written.atMs = nowMs }
    }

    /// Redis has all that was durable when the step began.
    mutating func isWritten() { written = read }

    func store(to status: inout MirrorStatus, nowMs: UInt64) {
        status.lagEvents = Self.events(board) &- written.events
        status.lagBytes = board.bytesSealed &- written.bytes
        status.lagMs = status.lagEvents == 0 ? 0 : nowMs - min(nowMs, written.atMs)
    }

    private static func events(_ board: DurableBoard) -> UInt64 {
        (0..<board.shards).reduce(0) { $0 &+ board.durableLsn($1) }
    }
}

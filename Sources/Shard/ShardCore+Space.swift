import Engine
import Log

// Room on the disk. Whatever is open may still have to end, and its end is an event: orders are admitted only while
// there is room for the ends of all open holds, each in a block of its own. So a full disk refuses new orders, and
// confirms and cancels go on.

extension ShardCore {
    /// The block of a hold's end when nothing else comes with it, and the mark behind it.
    public static let bytesPerOpenHold = 2 * BlockHeader.alignmentBytes

    /// What one turn may add: its events, the holds it opens, and what blocks leave unused at the end of a segment.
    public static let spaceMarginBytes =
        (entriesPerTurn + runFramesMax) * bytesPerOpenHold + 4 * BlockHeader.blockSizeMaxBytes

    /// Whether new operations are accepted.
    public var hasLogSpace: Bool { engine.pointee.hasLogSpace }

    /// Looks whether there is room for more than ends. `roomBytes` is this shard's part of the room for further
    /// segments. Once a turn; answers whether that has changed.
    @inline(__always)
    public mutating func admit(roomBytes: Int) -> Bool {
        let hasSpace = logRoomBytes(roomBytes) >= 0
        if hasSpace == engine.pointee.hasLogSpace { return false }
        engine.pointee.hasLogSpace = hasSpace
        return true
    }

    /// What the log may still grow by before only ends are accepted; negative: that much is missing. `roomBytes` as for
    /// `admit`.
    @inline(__always)
    func logRoomBytes(_ roomBytes: Int) -> Int {
        let needed = engine.pointee.openHolds &* Self.bytesPerOpenHold &+ Self.spaceMarginBytes
        return writer.roomBytes &+ roomBytes &- needed
    }
}

import CAtomics
import Engine

/// What connects the shards: for each ordered pair a ring of requests and a ring of replies.
///
/// A request is sent only after the room for its reply has been reserved at the sender. So the owner can
/// always put its reply into the ring, whatever it waits for itself, and full rings cannot lock each other.
public struct Mesh: @unchecked Sendable {
    public let shards: Int
    let ringCapacityBytes: Int
    private let requestRings: UnsafeMutablePointer<SpscRing>
    private let replyRings: UnsafeMutablePointer<SpscRing>
    /// One cache line for each shard: whether it sleeps, and so has to be woken.
    private let sleeping: UnsafeMutablePointer<UInt64>

    /// Half of a ring of replies can be reserved: more than the replies to the largest frame.
    public static let ringCapacityBytes = 1 << 21

    public init(shards: Int, memory: MemorySource, ringCapacityBytes: Int = Mesh.ringCapacityBytes) {
        self.shards = shards
        self.ringCapacityBytes = ringCapacityBytes
        requestRings = .allocate(capacity: shards * shards)
        replyRings = .allocate(capacity: shards * shards)
        for pair in 0..<(shards * shards) {
            (requestRings + pair).initialize(to: SpscRing(capacityBytes: ringCapacityBytes, memory: memory))
            (replyRings + pair).initialize(to: SpscRing(capacityBytes: ringCapacityBytes, memory: memory))
        }
        sleeping = memory.allocate(shards * 64 + 64).bindMemory(to: UInt64.self, capacity: shards * 8 + 8)
    }

    /// Requests from one shard to another, or to itself: entries of a frame whose others are elsewhere.
    func requests(from: Int, to: Int) -> SpscRing { requestRings[from * shards + to] }

    /// Replies on their way back, from the owner to the shard that asked.
    func replies(from: Int, to: Int) -> SpscRing { replyRings[from * shards + to] }

    // MARK: Sleeping

    /// A shard says that it is about to sleep. It must look at its rings once more afterwards: whoever
    /// published before this store did not wake it, whoever publishes after it will (Dekker's pattern,
    /// hence sequential consistency on both sides).
    public func setSleeping(_ shard: Int, _ isSleeping: Bool) {
        ts_store_seq_cst(sleeping + shard * 8, isSleeping ? 1 : 0)
    }

    /// Whether a shard to which something was published has to be woken. Answers true once per sleep.
    public func takeWake(_ shard: Int) -> Bool {
        ts_fence_seq_cst()
        guard ts_load_relaxed(sleeping + shard * 8) != 0 else { return false }
        return ts_exchange(sleeping + shard * 8, 0) != 0
    }
}

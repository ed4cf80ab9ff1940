import CAtomics
import Engine
import Glibc
import Protocol
import Shard

/// What the shards of one server share. Everything is either constant once they run, or an atomic word.
final class ServerState: @unchecked Sendable {
    let mesh: Mesh
    let listeners: [Int32]
    let doorbells: [Int32]
    let keeper: SegmentKeeper
    let room: DiskRoom
    /// Set before any shard runs.
    var desk: AsideDesk!
    let access: AccessList
    let graceMs: UInt64
    let clientTimeoutMs: UInt64
    let connectionCountMax: Int

    /// How long a stop may take before it cuts off clients that do not read.
    static let stopMaxMs: UInt64 = 10_000

    /// Words of eight to a cache line: 0 stopping, 1 connections, 2 when the stop began; then for each shard
    /// its ring's descriptor, whether it is quiet, and whether a block is asked of it.
    private let words: UnsafeMutablePointer<UInt64>

    init(
        mesh: Mesh, listeners: [Int32], doorbells: [Int32], keeper: SegmentKeeper, room: DiskRoom,
        access: AccessList, graceMs: UInt64, clientTimeoutMs: UInt64, connectionCountMax: Int, memory: MemorySource
    ) {
        self.mesh = mesh
        self.listeners = listeners
        self.doorbells = doorbells
        self.keeper = keeper
        self.room = room
        self.access = access
        self.graceMs = graceMs
        self.clientTimeoutMs = clientTimeoutMs
        self.connectionCountMax = connectionCountMax
        words = memory.allocate((mesh.shards + 3) * 64).bindMemory(to: UInt64.self, capacity: (mesh.shards + 3) * 8)
    }

    private func word(_ line: Int, _ index: Int = 0) -> UnsafeMutablePointer<UInt64> { words + line * 8 + index }

    // MARK: Rings

    func setRingDescriptor(_ shard: Int, _ descriptor: Int32) {
        ts_store_seq_cst(word(3 + shard), UInt64(descriptor) + 1)
    }

    /// The ring of a shard; shards learn of each other's before any of them runs.
    func ringDescriptor(_ shard: Int) -> Int32 { Int32(ts_load_relaxed(word(3 + shard))) - 1 }

    // MARK: Stopping

    var isStopping: Bool { ts_load_acquire(word(0)) != 0 }

    func stop() {
        ts_store_seq_cst(word(0), 1)
        ringAll()
    }

    func ringAll() {
        for shard in 0..<mesh.shards { ring(shard) }
    }

    /// Wakes a shard from any thread.
    func ring(_ shard: Int) {
        var one: UInt64 = 1
        _ = write(doorbells[shard], &one, 8)
    }

    var stopStartedMs: UInt64 {
        get { ts_load_relaxed(word(2)) }
        set { ts_store_relaxed(word(2), newValue) }
    }

    func setQuiet(_ shard: Int, _ isQuiet: Bool) { ts_store_seq_cst(word(3 + shard, 1), isQuiet ? 1 : 0) }

    /// Every shard has nothing left to do. A shard that waits for another one is not quiet, so that all of
    /// them being so at different moments means that all are.
    var allQuiet: Bool { (0..<mesh.shards).allSatisfy { ts_load_seq_cst(word(3 + $0, 1)) != 0 } }

    // MARK: A block behind everything

    /// Asks every shard for an empty block, when all before it is durable: a cut is behind what no shard has missing.
    /// Any thread.
    func askForBlock() {
        for shard in 0..<mesh.shards {
            ts_store_seq_cst(word(3 + shard, 2), 1)
            ring(shard)
        }
    }

    /// Whether a block was asked of a shard since the last look.
    func takeAskForBlock(_ shard: Int) -> Bool { ts_exchange(word(3 + shard, 2), 0) != 0 }

    // MARK: Connections

    /// Counts a new connection in; false at the bound.
    func connectionOpened() -> Bool {
        if ts_fetch_add(word(1), 1) < UInt64(connectionCountMax) { return true }
        connectionClosed()
        return false
    }

    func connectionClosed() { _ = ts_fetch_sub(word(1), 1) }
}

import CLinux
import Engine
import Glibc
import Log
import Logging
import Shard
import Storage

/// What the thread of one shard starts with. It is handed over once, before the thread begins: from then
/// on the engine and the log belong to that thread alone.
struct ShardThread: @unchecked Sendable {
    let shard: Int
    let recovered: RecoveredShard
    let configuration: ServerConfiguration
    let shared: ServerState
    let clock: Clock
    let board: StatisticsBoard
    let facts: InstanceFacts
    let durable: DurableBoard
    let recent: RecentBlocks
    let feed: CountFeed?
    let mirrorBoard: MirrorBoard
    let start: StartGate
    let storage: DirectoryStorage
    let memory: MemorySource
    let logger: Logger

    /// The thread's work: from its ring to the end of its loop.
    func run() {
        pin()
        do {
            let ring = try Ring(entries: 1024)
            try ring.hold(storage.lockFd)
            shared.setRingDescriptor(shard, ring.descriptor)
            let buffers = try ReceiveBuffers(ring: ring, memory: memory)
            let writer = LogWriter(
                identity: recovered.identity, mode: configuration.fsync, position: recovered.position,
                events: recovered.events, board: durable, recent: recent, isMirrored: feed != nil,
                memory: memory)
            let core = ShardCore(
                engine: recovered.engine, writer: writer, mesh: shared.mesh, statistics: board, instance: facts,
                feed: feed, mirrorBoard: mirrorBoard, memory: memory)
            let segment = recovered.position.segment
            let file = try SegmentKeeper.open(
                storage, log: recovered.identity.logId, segment: segment, logger: logger)
            let grownBytes = UnsafeMutablePointer<Int>.allocate(capacity: Engine.growingTableCount)
            for index in 0..<Engine.growingTableCount {
                let table = recovered.engine.pointee.growingTable(index)
                if configuration.areTablesResident { MemorySource.populate(table.base, table.sizeBytes) }
                (grownBytes + index).initialize(
                    to: configuration.areTablesResident ? table.sizeBytes : table.usedBytes)
            }
            var reactor = Reactor(
                shard: shard, ring: ring, core: core, shared: shared, clock: clock, logger: logger, buffers: buffers,
                connections: ConnectionTable(countMax: configuration.connectionCountMax),
                dirty: SlotList(countMax: configuration.connectionCountMax),
                starved: SlotList(countMax: configuration.connectionCountMax),
                load: LoadGuard(delayMaxMs: configuration.queueDelayMs),
                log: LogFilesOpen(segment: segment, file: file),
                listeners: Array(repeating: false, count: shared.listeners.count),
                grownBytes: grownBytes, doorbellValue: .allocate(capacity: 1), roomBytes: shared.room.bytesPerShard)
            start.arriveAndWait()
            reactor.run()
        } catch {
            Fatal.exit("shard \(shard) cannot start: \(error)")
        }
    }

    private func pin() {
        guard shard < configuration.pinnedCPUs.count else { return }
        let cpu = configuration.pinnedCPUs[shard]
        if ts_pin_thread(Int32(cpu)) != 0 {
            logger.warning("cannot pin shard \(shard) to CPU \(cpu): \(String(cString: strerror(errno)))")
        }
    }
}

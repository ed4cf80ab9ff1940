import Engine

/// Writes a snapshot: the state as records, in blocks of the log's format.
///
///     snapshot-GENERATION-SEQUENCE.snap
///     +---------+---------+----     ----+-----------+
///     | block 1 | block 2 |     ...     | closing   |    records: the catalogue, then orders and tombstones
///     |         |         |             | block     |    by partition
///     +---------+---------+----     ----+-----------+
///
/// The log id is 0, the segment is the snapshot's sequence, which every block carries too, LSNs count the
/// records from 1. The closing block has no records: without it the file has been cut short.
///
/// It is written under a temporary name; `finish` gives it its own when it is on the disk.
struct SnapshotWriter: ~Copyable {
    private let storage: any LogStorage
    private let generation: UInt64
    private let sequence: UInt64
    private let shards: Int
    /// What `finish` calls it.
    let name: String
    private let temporaryName: String
    private let timeMs: UInt64
    private let block: UnsafeMutableRawBufferPointer
    private var eventsBytes = 0
    private var eventCount = 0
    private var firstLsn: UInt64 = 1
    private var previousChecksum: UInt32 = 0
    /// What has been written.
    private(set) var sizeBytes = 0
    private(set) var recordCount: UInt64 = 0
    /// The first call that the storage refused; what comes after it is dropped.
    private var failure: StorageError?

    /// `generation` is that of the manifest that will name the snapshot, `shards` its number of logs.
    init(
        storage: any LogStorage, generation: UInt64, sequence: UInt64, shards: Int, timeMs: UInt64
    ) throws(StorageError) {
        self.storage = storage
        self.generation = generation
        self.sequence = sequence
        self.shards = shards
        self.timeMs = timeMs
        name = LogFiles.snapshot(generation: generation, sequence: sequence)
        temporaryName = LogFiles.snapshotTemporary(generation: generation, sequence: sequence)
        block = .allocate(byteCount: BlockHeader.blockSizeMaxBytes, alignment: BlockHeader.alignmentBytes)
        try storage.create(temporaryName)
    }

    deinit { block.deallocate() }

    mutating func append(_ record: UnsafeRawBufferPointer) {
        if BlockHeader.sizeBytes + eventsBytes + record.count > block.count { writeBlock() }
        let place = BlockHeader.sizeBytes + eventsBytes
        UnsafeMutableRawBufferPointer(rebasing: block[place...]).copyMemory(from: record)
        eventsBytes += record.count
        eventCount += 1
        recordCount += 1
    }

    /// Closes the snapshot and makes it durable under its own name.
    mutating func finish() throws(StorageError) {
        if eventCount > 0 { writeBlock() }
        writeBlock()
        if let failure { throw failure }
        try storage.sync(temporaryName)
        try storage.rename(temporaryName, to: name)
        try storage.syncDirectory()
    }

    private mutating func writeBlock() {
        let unit = BlockHeader.alignmentBytes
        let used = BlockHeader.sizeBytes + eventsBytes
        let lengthBytes = (used + unit - 1) / unit * unit
        UnsafeMutableRawBufferPointer(rebasing: block[used..<lengthBytes]).initializeMemory(
            as: UInt8.self, repeating: 0)
        let header = BlockHeader(
            shard: 0, shards: UInt16(shards), lengthBytes: lengthBytes, eventsBytes: eventsBytes,
            previousChecksum: previousChecksum, generation: generation, logId: SnapshotReader.logId,
            segment: sequence, firstLsn: firstLsn, eventCount: eventCount, sequence: sequence, durableLsn: 0,
            timeMs: timeMs)
        previousChecksum = header.seal(block.baseAddress!)
        if failure == nil {
            do {
                try storage.write(
                    temporaryName, at: sizeBytes, UnsafeRawBufferPointer(rebasing: block[..<lengthBytes]))
            } catch {
                failure = error
            }
        }
        sizeBytes += lengthBytes
        firstLsn += UInt64(eventCount)
        eventsBytes = 0
        eventCount = 0
    }
}

import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// Directories to be repaired, and repairs of them.
enum Repairs {
    struct Block: Equatable {
        var file: String
        var offset: Int
        var header: BlockHeader
        var sequence: UInt64 { header.sequence }

        static func == (one: Block, other: Block) -> Bool {
            one.header.logId == other.header.logId && one.header.headerChecksum == other.header.headerChecksum
        }
    }

    /// Logs of several segments each, all of whose events are marked durable.
    static func wholeLog(events: Int = 150, shards: Int = 2) throws -> LogRig {
        let rig = try LogRig(SimulatedStorage(), shards: shards)
        for (index, event) in Scenario(seed: 9, count: events).events.enumerated() {
            rig.append(event)
            if index % 8 == 7 { try rig.flush() }
        }
        try rig.flush()
        rig.mark()
        return rig
    }

    /// The blocks of a log behind the oldest base, as far as it can be read.
    static func blocks(_ storage: any LogStorage, _ shard: Int) throws -> [Block] {
        let directory = try LogDirectory(storage: storage)
        let manifest = try #require(directory.manifest)
        var reader = try LogReader(directory, manifest: manifest, base: manifest.bases[0], shard: shard)
        var found: [Block] = []
        while let block = try reader.next() {
            found.append(Block(file: block.file, offset: block.offset, header: block.header))
        }
        return found
    }

    /// Of all logs, in the order of their sequences.
    static func blocks(_ storage: any LogStorage) throws -> [Block] {
        let manifest = try #require(LogDirectory(storage: storage).manifest)
        return try manifest.logs.indices.flatMap { try blocks(storage, $0) }.sorted { $0.sequence < $1.sequence }
    }

    static func plan(_ storage: any LogStorage, from sequence: UInt64? = nil) throws(RepairRefusal) -> RepairPlan {
        try RepairPlan(storage: storage, fromSequence: sequence) { .zeroed }
    }

    static func repair(_ storage: any LogStorage, from sequence: UInt64? = nil, stamp: String = "now") throws {
        try Repair.carryOut(plan(storage, from: sequence), stamp: stamp, storage: storage)
    }

    /// Makes the header of a block unreadable.
    static func spoilHeader(_ block: Block, _ storage: SimulatedStorage) {
        storage.flipBit(block.file, at: (block.offset + 50) * 8)
    }

    static func manifest(_ storage: any LogStorage) throws -> Manifest {
        try #require(try LogDirectory(storage: storage).manifest)
    }
}

/// Counts what changes a directory, and ends the process before a chosen change.
final class CrashingStorage: LogStorage {
    let inner: SimulatedStorage
    private(set) var changeCount = 0
    /// The change, counted from 1, that the process does not live to see.
    let crashesAt: Int

    init(_ inner: SimulatedStorage, crashesAt: Int = .max) {
        self.inner = inner
        self.crashesAt = crashesAt
    }

    private func change(_ name: String) throws(StorageError) {
        changeCount += 1
        guard changeCount >= crashesAt else { return }
        throw StorageError(file: name, action: "change", code: 0, reason: "the simulated process has ended")
    }

    func list() throws(StorageError) -> [String] { try inner.list() }
    func sizeBytes(_ name: String) throws(StorageError) -> Int { try inner.sizeBytes(name) }

    func read(
        _ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        try inner.read(name, at: offset, into: buffer)
    }

    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try change(name)
        try inner.write(name, at: offset, bytes)
    }

    func create(_ name: String) throws(StorageError) {
        try change(name)
        try inner.create(name)
    }

    func sync(_ name: String) throws(StorageError) {
        try change(name)
        try inner.sync(name)
    }

    func rename(_ name: String, to other: String) throws(StorageError) {
        try change(name)
        try inner.rename(name, to: other)
    }

    func remove(_ name: String) throws(StorageError) {
        try change(name)
        try inner.remove(name)
    }

    func syncDirectory() throws(StorageError) {
        try change(".")
        try inner.syncDirectory()
    }
}

import Engine
import SimulatedStorage
import Testing

@testable import Log

/// The snapshot that a generation starts from: cut anywhere or flipped anywhere, it is refused by name.
@Suite struct SnapshotTests {
    /// A directory of two shards that came from one, and its snapshot's name.
    private func resharded() throws -> (SimulatedStorage, String, UInt64) {
        let storage = SimulatedStorage()
        let rig = try LogRig(storage)
        for event in Scenario(seed: 3, count: 150).events {
            rig.append(event)
            if !rig.hasRoom(0) { try rig.flush() }
        }
        try rig.flush()
        let digest = try Recoverer().recover(storage, shards: 2).digest
        #expect(try Recoverer().digest(rig.appended) == digest)
        let name = try #require(storage.fileNames.first { $0.hasSuffix(".snap") })
        return (storage, name, digest)
    }

    @Test func everyByteFlipped() throws {
        let (storage, name, digest) = try resharded()
        let count = try #require(storage.contents(name)).count
        let recoverer = Recoverer()
        let directory = try LogDirectory(storage: storage)
        #expect(try recoverer.judge(directory, shards: 2).digest == digest)
        for byte in 0..<count {
            storage.flipBit(name, at: byte * 8 + byte % 8)
            defer { storage.flipBit(name, at: byte * 8 + byte % 8) }
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.judge(directory, shards: 2) }
            guard fault?.kind == .damage, fault?.file == name else {
                Issue.record("byte \(byte): \(String(describing: fault))")
                return
            }
        }
    }

    @Test func cutAnywhere() throws {
        let (storage, name, _) = try resharded()
        let bytes = try #require(storage.contents(name))
        let recoverer = Recoverer()
        for sizeBytes in stride(from: 0, to: bytes.count, by: 128) {
            let storage = storage.copy()
            storage.truncate(name, to: sizeBytes)
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage, shards: 2) }
            #expect(fault?.kind == .damage && fault?.file == name)
        }
        storage.overwrite(name, at: bytes.count, [0])
        #expect(throws: RecoveryFault.self) { try recoverer.recover(storage, shards: 2) }
        storage.lose(name)
        let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage, shards: 2) }
        #expect(fault?.kind == .missing && fault?.file == name)
    }

    /// Records of more than one block.
    @Test func aSnapshotOfManyBlocks() throws {
        let storage = SimulatedStorage()
        let record = TestEvent.sale(7, stock: 1).bytes
        let recordCount = 20_000
        var writer = try SnapshotWriter(storage: storage, generation: 4, sequence: 77, shards: 1, timeMs: 5)
        for _ in 0..<recordCount { record.withUnsafeBytes { writer.append($0) } }
        try writer.finish()
        let name = LogFiles.snapshot(generation: 4, sequence: 77)
        var reader = try SnapshotReader(storage: storage, file: name, generation: 4, sequence: 77)
        while try reader.next() != nil {}
        let counts = [reader.recordCount, reader.blockCount, reader.timeMs]
        #expect(counts == [UInt64(recordCount), 5, 5])
        #expect(storage.fileNames == [name])
    }

    @Test func aFullDiskStopsTheChangeOfShards() throws {
        let rig = try LogRig(SimulatedStorage())
        rig.append(.sale(7, stock: 10))
        try rig.flush()
        let digest = try Recoverer().recover(rig.storage.copy()).digest
        let whole = rig.storage.copy()
        _ = try Recoverer().recover(whole, shards: 2)
        for call in 1...whole.callCount {
            let storage = rig.storage.copy()
            storage.fault = (call, .error(code: 28))
            let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
            #expect(fault?.kind == .storage)
            storage.fault = nil
            #expect(try Recoverer().recover(storage).digest == digest)
        }
    }
}

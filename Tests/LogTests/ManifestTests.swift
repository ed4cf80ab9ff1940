import CAtomics
import Engine
import SimulatedStorage
import Testing

@testable import Log

/// The manifest: every byte of it matters, and a directory without one, or with the wrong one, is refused.
@Suite struct ManifestTests {
    private func filled() throws -> SimulatedStorage {
        let rig = try LogRig(SimulatedStorage(), shards: 2)
        rig.append(.sale(7, stock: 10))
        try rig.flush()
        return rig.storage
    }

    @Test func itReadsWhatItWrote() throws {
        let manifest = Manifest(
            generation: 3, nextLogId: 8, segmentSizeBytes: 1 << 26,
            snapshot: LogFiles.snapshot(generation: 3, sequence: 812), snapshotSequence: 812,
            logs: [.init(id: 6, firstSegment: 1), .init(id: 7, firstSegment: 4)])
        #expect(try Manifest(text: manifest.text) == manifest)
        let small = Manifest(
            generation: 1, nextLogId: 2, segmentSizeBytes: 4096, snapshot: nil, snapshotSequence: 0,
            logs: [.init(id: 1, firstSegment: 1)])
        #expect(try Manifest(text: small.text) == small)
    }

    @Test func everyBitFlippedAndEveryByteCut() throws {
        let storage = try filled()
        let text = try #require(storage.contents(LogFiles.manifest))
        let recoverer = Recoverer()
        for bit in 0..<(text.count * 8) {
            let storage = storage.copy()
            storage.flipBit(LogFiles.manifest, at: bit)
            let fault = #expect(throws: RecoveryFault.self) { try recoverer.recover(storage, shards: 2) }
            guard fault?.kind == .damage, fault?.file == LogFiles.manifest else {
                Issue.record("bit \(bit): \(String(describing: fault))")
                return
            }
        }
        for sizeBytes in 0..<text.count {
            let storage = storage.copy()
            storage.truncate(LogFiles.manifest, to: sizeBytes)
            #expect(throws: RecoveryFault.self) { try recoverer.recover(storage, shards: 2) }
        }
    }

    @Test func aNewerVersionIsRefused() throws {
        let storage = try filled()
        let text = String(decoding: storage.contents(LogFiles.manifest)!, as: UTF8.self)
        var body = text.replacing("timesale-manifest 1", with: "timesale-manifest 2")
        body = String(body[..<body.ranges(of: "checksum ")[0].lowerBound]) + "what-we-do-not-know 5\n"
        let checksum = Array(body.utf8).withUnsafeBytes { ts_crc32c(0, $0.baseAddress, $0.count) }
        let digits = String(checksum, radix: 16)
        body += "checksum \(String(repeating: "0", count: 8 - digits.count) + digits)\n"
        storage.place(LogFiles.manifest, Array(body.utf8))
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
        #expect(fault?.kind == .newer)
        #expect(fault?.sentence.contains("version 2") == true)
    }

    /// Without its manifest a directory with a log is not a first start.
    @Test func logsWithoutAManifestAreRefused() throws {
        let storage = try filled()
        storage.lose(LogFiles.manifest)
        let before = storage.fileNames
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
        #expect(fault?.kind == .missing)
        #expect(storage.fileNames == before)

        let other = SimulatedStorage()
        other.place(LogFiles.snapshot(generation: 2, sequence: 5), [1])
        #expect(throws: RecoveryFault.self) { try Recoverer().recover(other) }
    }

    /// Somebody puts an old manifest back: the logs that it does not know hold the state, they are no leftovers.
    @Test func aManifestThatIsOlderThanTheLogsIsRefused() throws {
        let storage = try filled()
        let old = storage.contents(LogFiles.manifest)!
        let segments = [1, 2].map { (LogFiles.segment(log: $0, number: 1), 0) }
            .map { ($0.0, storage.contents($0.0)!) }
        let rig = try LogRig(storage, shards: 3)
        rig.append(.sale(8, stock: 10))
        try rig.flush()
        storage.place(LogFiles.manifest, old)
        let missing = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
        #expect(missing?.kind == .missing)
        for (name, bytes) in segments { storage.place(name, bytes) }
        let before = storage.fileNames
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
        #expect(fault?.kind == .contradiction)
        #expect(storage.fileNames == before)
    }

    @Test func namesOfFilesAreReadAsWritten() {
        #expect(LogFiles.segment(log: 7, number: 12) == "log-000007-0000000012.seg")
        #expect(LogFiles.parseSegment("log-000007-0000000012.seg")! == (7, 12))
        #expect(LogFiles.parseSegment("log-7-12.seg") == nil)
        #expect(LogFiles.parseSegment("log-000007-0000000012.seg.new") == nil)
        #expect(LogFiles.parseSnapshot(LogFiles.snapshot(generation: 3, sequence: 9))! == (3, 9))
        #expect(LogFiles.isTemporary("MANIFEST.new") && !LogFiles.isTemporary("notes.new"))
    }
}

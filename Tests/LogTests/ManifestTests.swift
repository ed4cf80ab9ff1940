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
            generation: 3, nextLogId: 8, segmentSizeBytes: 1 << 26, logs: [6, 7],
            bases: [
                .init(
                    snapshot: LogFiles.snapshot(generation: 3, sequence: 812), sequence: 812,
                    digest: 0x8f3b_9d2c_61a7_0e54, starts: [.beginning, at(segment: 4, 8192, lsn: 99, 0x1a2b_3c4d)]),
                .init(
                    snapshot: LogFiles.snapshot(generation: 3, sequence: 977), sequence: 977,
                    digest: 5, starts: [at(segment: 2, 0, lsn: 50, 7), at(segment: 5, 4096, lsn: 199, 0xffff_ffff)]),
            ], removed: [.init(from: 830, until: 850), .init(from: 851, until: 1200)])
        #expect(try Manifest(text: manifest.text) == manifest)
        #expect([6, 7].map(manifest.firstSegment(ofLog:)) == [1, 4] && manifest.firstSegment(ofLog: 5) == nil)
        let small = Manifest(
            generation: 1, nextLogId: 2, segmentSizeBytes: 4096, logs: [1],
            bases: [.init(snapshot: nil, sequence: 0, digest: 0, starts: [.beginning])])
        #expect(try Manifest(text: small.text) == small)
    }

    private func at(segment: UInt64, _ offset: Int, lsn: UInt64, _ checksum: UInt32) -> LogPosition {
        LogPosition(segment: segment, offsetBytes: offset, nextLsn: lsn, previousChecksum: checksum)
    }

    private func sealed(_ body: String) -> String {
        let checksum = Array(body.utf8).withUnsafeBytes { ts_crc32c(0, $0.baseAddress, $0.count) }
        let digits = String(checksum, radix: 16)
        return body + "checksum \(String(repeating: "0", count: 8 - digits.count) + digits)\n"
    }

    /// The version before had one base, and its logs began with their first event.
    @Test func theVersionBeforeIsRead() throws {
        let snapshot = LogFiles.snapshot(generation: 3, sequence: 812)
        let head = "timesale-manifest 1\ngeneration 3\nnext-log 8\nsegment-size 4096\n"
        let old = try Manifest(text: sealed(head + "snapshot \(snapshot) 812\nlog 6 0 1\nlog 7 1 4\n"))
        #expect(
            old
                == Manifest(
                    generation: 3, nextLogId: 8, segmentSizeBytes: 4096, logs: [6, 7],
                    bases: [
                        .init(
                            snapshot: snapshot, sequence: 812, digest: 0,
                            starts: [.beginning, at(segment: 4, 0, lsn: 1, 0)])
                    ]))
        #expect(try Manifest(text: sealed(head + "snapshot - 0\nlog 6 0 1\n")).bases[0].snapshot == nil)
    }

    /// Whole by its checksum, but not what a manifest says.
    @Test(
        arguments: [
            "", "log 6 0\n", "base - 0 0\nfrom 0 1 0 1 0\n", "log 6 1\nbase - 0 0\nfrom 0 1 0 1 0\n",
            "log 6 0\nbase - 0 0\n", "log 6 0\nfrom 0 1 0 1 0\nbase - 0 0\n",
            "log 6 0\nbase - 0 0\nfrom 1 1 0 1 0\n", "log 6 0\nbase - 0\nfrom 0 1 0 1 0\n",
            "log 6 0\nbase - 0 0\nfrom 0 0 0 1 0\n", "log 6 0\nbase - 0 0\nfrom 0 1 100 1 0\n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 0 0\n", "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nfrom 1 1 0 1 0\n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nother 5\n", "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\n \n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nbase - 1 0\nfrom 0 1 0 1 0\nbase - 2 0\nfrom 0 1 0 1 0\n",
            "log 6 0 1\nsnapshot - 0\n", "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nremoved 5\n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nremoved 5 5\n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nremoved 0 5\n",
            "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nremoved 5 7\nremoved 7 9\n",
        ])
    func whatDoesNotBelongThereIsRefused(_ lines: String) throws {
        let head = "timesale-manifest 2\ngeneration 3\nnext-log 8\nsegment-size 4096\n"
        #expect(throws: Manifest.Fault.damaged) { try Manifest(text: sealed(head + lines)) }
        #expect(throws: Never.self) {
            try Manifest(text: sealed(head + "log 6 0\nbase - 0 0\nfrom 0 1 0 1 0\nremoved 5 7\nremoved 8 9\n"))
        }
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
        var body = text.replacing("timesale-manifest 2", with: "timesale-manifest 3")
        body = String(body[..<body.ranges(of: "checksum ")[0].lowerBound]) + "what-we-do-not-know 5\n"
        storage.place(LogFiles.manifest, Array(sealed(body).utf8))
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(storage, shards: 2) }
        #expect(fault?.kind == .newer)
        #expect(fault?.sentence.contains("version 3") == true)
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
        #expect(LogFiles.parseManifestOfCut(LogFiles.manifestOfCut(from: 812)) == 812)
        for name in ["MANIFEST", "MANIFEST.cut-from-", "MANIFEST.cut-from-x", "MANIFEST.cut-from-08"] {
            #expect(LogFiles.parseManifestOfCut(name) == nil)
        }
        #expect(LogFiles.segment(log: 7, number: 12) == "log-000007-0000000012.seg")
        #expect(LogFiles.parseSegment("log-000007-0000000012.seg")! == (7, 12))
        #expect(LogFiles.parseSegment("log-7-12.seg") == nil)
        #expect(LogFiles.parseSegment("log-000007-0000000012.seg.new") == nil)
        #expect(LogFiles.parseSnapshot(LogFiles.snapshot(generation: 3, sequence: 9))! == (3, 9))
        #expect(LogFiles.isTemporary("MANIFEST.new") && !LogFiles.isTemporary("notes.new"))
    }
}

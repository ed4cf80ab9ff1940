import Foundation
import Protocol
import SimulatedStorage
import Testing

@testable import Engine
@testable import Log

/// Directories that servers of earlier versions have left, as they were: their state is read, and they go on.
///
/// `Fixtures/version-N-...` holds the files, segments without the zeros at their end, and in `DIGEST` the digest that
/// this version has for the state: version 1 knew less of it, so that its own was another.
@Suite struct OldVersionTests {
    private static let segmentSizeBytes = 2 << 20

    /// Killed, two shards; and stopped after a change to one shard, with the snapshot of that change.
    private static let version1 = ["version-1-log", "version-1-snapshot"]

    private static func fixture(_ name: String) throws -> (SimulatedStorage, digest: UInt64) {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)")
        let storage = SimulatedStorage()
        var digest: UInt64?
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            var bytes = [UInt8](try Data(contentsOf: directory.appendingPathComponent(file)))
            if file == "DIGEST" {
                digest = UInt64(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines), radix: 16)
                continue
            }
            if LogFiles.parseSegment(file) != nil {
                bytes += [UInt8](repeating: 0, count: segmentSizeBytes - bytes.count)
            }
            storage.place(file, bytes)
        }
        return (storage, try #require(digest))
    }

    /// What version 1 said of them: orders, sales and policies.
    @Test(arguments: zip(version1, [14, 19]))
    func theCountsAreThoseOfTheTime(_ name: String, _ orders: Int) throws {
        let (storage, _) = try Self.fixture(name)
        let directory = try LogDirectory(storage: storage)
        let replay = try Replay(
            directory, manifest: #require(directory.manifest), base: #require(directory.manifest).newestBase,
            configuration: LogRig.configuration(shards: 1), memory: .zeroed, nowMs: 0)
        #expect(replay.engines[0].ordersRemembered == orders && replay.engines[0].offersKnown == 3)
        #expect(replay.engines[0].checkoutsKnown == (name == "version-1-log" ? 2 : 3))
        // Nine users earned 100 points and used 30; one of them holds 20 in a checkout later. A tenth earned 5 by one.
        for (user, points) in [(1, 70), (6, name == "version-1-log" ? 70 : 50), (9, 70), (42, 5)] {
            let id = Id128(high: 0, low: UInt64(user))
            let slot = replay.engines[0].findUser(id, hash: replay.engines[0].userHash(id))
            #expect(replay.engines[0].balance(ofUser: slot, nowMs: replay.lastTimeMs) == UInt64(points), "user \(user)")
        }
    }

    @Test(arguments: version1, [1, 2, 5])
    func theStateIsTheSame(_ name: String, _ shards: Int) throws {
        let (storage, digest) = try Self.fixture(name)
        #expect(LogAudit(storage: storage).faults.isEmpty)
        #expect(try Recoverer().recover(storage, shards: shards).digest == digest)
        // And once more, from what this version made of it.
        #expect(try Recoverer().recover(storage, shards: shards).digest == digest)
    }

    /// A snapshot of an old log, and a log that goes on in this version's blocks behind old ones.
    @Test(arguments: version1)
    func itGoesOn(_ name: String) throws {
        let (storage, digest) = try Self.fixture(name)
        let shards = try #require(LogDirectory(storage: storage).manifest).logs.count
        #expect(try Recoverer().recover(storage, shards: shards).digest == digest)
        let before = try #require(LogDirectory(storage: storage).manifest)
        #expect(before.bases.count == 1)
        let cut = try Snapshotter.take(
            storage: storage, sequence: 1 << 20, capacities: LogRig.configuration(shards: 1).capacities,
            retainMs: 1 << 40, memory: .zeroed
        ) { _ in }
        let manifest = try #require(cut?.manifest)
        #expect(manifest.newestBase.digest == digest)
        _ = try Snapshotter.adopt(manifest, storage: storage)
        #expect(try Recoverer().recover(storage, shards: shards).digest == digest)
    }

    /// What was written by the newer program, the older one refuses: the manifest says so first.
    @Test func theVersionOfTheManifestRises() throws {
        let (storage, _) = try Self.fixture("version-1-log")
        let old = String(decoding: try #require(storage.contents(LogFiles.manifest)), as: UTF8.self)
        #expect(old.hasPrefix("timesale-manifest 1\n"))
        _ = try Recoverer().recover(storage, shards: 1)
        let new = String(decoding: try #require(storage.contents(LogFiles.manifest)), as: UTF8.self)
        #expect(new.hasPrefix("timesale-manifest 2\n"))
    }
}

import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// Readers of a log that is being written.
@Suite struct LiveReadingTests {
    /// A block that comes between the last look for one and the question how the log ends is no end: it is read next.
    @Test func aBlockThatComesInBetween() throws {
        let rig = try LogRig(SimulatedStorage())
        rig.append(.sale(7, stock: 10))
        try rig.flush()
        let directory = try LogDirectory(storage: rig.storage)
        let manifest = try #require(directory.manifest)
        var reader = try LogReader(directory, manifest: manifest, base: manifest.newestBase, shard: 0)
        let first = try reader.next()
        #expect(first?.header.lastLsn == 1)
        // It has looked into the segment behind as well, which is there already: so it has to read this one again.
        let segments = reader.segmentCount
        let nothing = try reader.next()
        #expect(segments == 2 && nothing?.header == nil)
        let user = TestEvent.user(1)
        rig.append(.order(TestEvent.orderId(1, user: user), user: user, sale: 7))
        try rig.flush()
        let end = try reader.end()
        #expect(end == .clean)
        let next = try reader.next()
        #expect(next?.header.lastLsn == 2)
    }
}

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
        #expect(try reader.next() != nil)
        // It has looked into the segment behind as well, which is there already: so it has to read this one again.
        #expect(reader.segmentCount == 2)
        #expect(try reader.next() == nil)
        let user = TestEvent.user(1)
        rig.append(.order(TestEvent.orderId(1, user: user), user: user, sale: 7))
        try rig.flush()
        #expect(try reader.end() == .clean)
        #expect(try reader.next()?.header.lastLsn == 2)
    }
}

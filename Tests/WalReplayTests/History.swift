import Foundation
import Log
import Protocol
import TestSupport
import Testing

/// A directory that a server left in peace, with two snapshots, log between them and behind them, and a segment that
/// no start needs any more. Made once; tests work on copies.
///
///     segment 1        segment 2
///     ... S1 ......... | ....... S2 ...... S3 ...... end        manifest: S2 and S3; segment 1 is covered
final class History: Sendable {
    static let shared = Result { try History() }

    let directory: TemporaryDirectory
    let digest: String
    let sold: UInt64
    let coveredSegment: String

    var dataPath: String { directory.path + "/data" }

    private init() throws {
        let shop = try Shop(shards: 1)
        try shop.openAndSell()
        try shop.sell(560)
        #expect(try shop.client.snapshot().code == .ok)
        try shop.sell(20)
        let first = LogFiles.segment(log: 1, number: 1)
        let covered = try Data(contentsOf: URL(fileURLWithPath: "\(shop.dataPath)/\(first)"))
        #expect(try shop.client.snapshot().code == .ok)
        try shop.sell(20)
        #expect(try shop.client.snapshot().code == .ok)
        try shop.sell(30)
        sold = try shop.client.getSale(Shop.sale).sold
        shop.close()
        // As if the process had been killed before it could put it away.
        try covered.write(to: URL(fileURLWithPath: "\(shop.dataPath)/\(first)"))
        directory = shop.directory
        coveredSegment = first
        let state = try walReplay("state", shop.dataPath, "--json").object
        digest = try #require(state["digest"] as? String)
    }

    /// A copy to be spoilt.
    func copy() throws -> SpoiltHistory { try SpoiltHistory(copyData(dataPath)) }
}

struct SpoiltHistory {
    let directory: TemporaryDirectory
    let manifest: Manifest
    /// The blocks of the log from the older base on.
    private(set) var blocks: [Block] = []

    struct Block {
        var file: String
        var offset: Int
        var header: BlockHeader
    }

    var dataPath: String { directory.path + "/data" }

    fileprivate init(_ directory: TemporaryDirectory) throws {
        self.directory = directory
        let text = try String(contentsOfFile: "\(directory.path)/data/MANIFEST", encoding: .utf8)
        manifest = try Manifest(text: text)
        #expect(manifest.bases.count == 2 && manifest.bases.allSatisfy { $0.snapshot != nil })
        var (segment, offset) = (manifest.bases[0].starts[0].segment, manifest.bases[0].starts[0].offsetBytes)
        while let bytes = try? data(LogFiles.segment(log: manifest.logs[0], number: segment)) {
            let file = LogFiles.segment(log: manifest.logs[0], number: segment)
            while offset < bytes.count {
                let header = bytes.withUnsafeBytes { bytes -> BlockHeader? in
                    let place = bytes.baseAddress! + offset
                    return BlockHeader.isIntact(place) ? BlockHeader(place) : nil
                }
                guard let header else { break }
                blocks.append(Block(file: file, offset: offset, header: header))
                offset += header.lengthBytes
            }
            (segment, offset) = (segment + 1, 0)
        }
    }

    func data(_ file: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(dataPath)/\(file)")) }

    func flip(_ file: String, at offset: Int) throws {
        var bytes = try data(file)
        bytes[offset] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: "\(dataPath)/\(file)"))
    }

    func start() throws -> ServerProcess { try Shop.start(in: directory, shards: 1) }

    /// Blocks behind the newest snapshot, with events.
    var tail: [Block] {
        blocks.filter { $0.header.sequence > manifest.newestBase.sequence && $0.header.eventCount > 0 }
    }

    /// Blocks that only a start needs that goes back to the older snapshot.
    var between: [Block] {
        blocks.filter {
            ($0.header.sequence <= manifest.newestBase.sequence) && $0.header.sequence > manifest.bases[0].sequence
                && $0.header.eventCount > 0
        }
    }
}

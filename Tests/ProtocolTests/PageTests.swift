import Foundation
import Protocol
import Testing

/// Shows that docs/protocol.md says what the code does: its layouts, operations, codes, partitions and
/// worked examples are read and compared.
@Suite struct PageTests {
    static let page = Result { try String(contentsOf: Checkout.url("docs/protocol.md"), encoding: .utf8) }

    /// The cells of every table row, and other lines as a single cell.
    private func lines() throws -> [[String]] {
        try Self.page.get().split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("|")
                ? line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } : [String(line)]
        }
    }

    @Test func layoutsHaveTheSizesAndFields() throws {
        let golden = try Golden.file.get()
        let lines = try lines()
        var documented: Set<String> = []
        for (index, line) in lines.enumerated() {
            guard let match = line[0].firstMatch(of: /^\*\*(\w+)\*\*, (\d+) bytes/),
                let layout = goldenLayouts[String(match.1)]
            else { continue }
            let name = String(match.1)
            documented.insert(name)
            #expect(Int(match.2) == layout.sizeBytes, "\(name)")
            // A layout of one field stands in the sentence itself.
            let table = lines[index...].dropFirst(2)
            guard table.first?.first == "offset" else {
                #expect(line[0].contains("offset 0, size \(layout.sizeBytes),"), "\(name)")
                continue
            }
            var end = 0
            var fields: Set<String> = []
            for row in table.dropFirst(2).prefix(while: { $0.count >= 3 }) {
                #expect(Int(row[0]) == end, "\(name), \(row)")
                end += Int(row[1]) ?? 0
                if row[2] != "reserved" { fields.insert(row[2]) }
            }
            #expect(end == layout.sizeBytes, "\(name)")
            let used = golden.frames.first { $0.layout == name && !$0.body.isEmpty }
            #expect(fields == used.map { Set($0.body[0].values.keys) }, "\(name)")
        }
        #expect(documented == Set(goldenLayouts.keys))
    }

    @Test func operationsAreAllThere() throws {
        let rows = try lines().filter { $0.count == 7 && Int($0[0]) != nil }
        #expect(rows.count == Operation.allCases.count)
        for operation in Operation.allCases {
            let row = try #require(rows.first { $0[0] == "\(operation.rawValue)" }, "\(operation)")
            let words = row[1].replacingOccurrences(of: " (admin)", with: "").split(separator: " ")
            let name = words.dropFirst().reduce(String(words[0])) { $0 + $1.capitalized }
            #expect(name == "\(operation)")
            #expect(row[1].hasSuffix("(admin)") == operation.isAdmin)
            #expect(row[3] == "\(operation.entrySizeBytes)")
            #expect(row[4].hasSuffix("a list") == operation.answersList)
            #expect(row[5] == "\(operation.resultSizeBytes)")
            #expect(row[6].replacing(",", with: "") == "\(operation.countMax)")
        }
    }

    @Test func codesAreAllThere() throws {
        let rows = try lines().filter { $0.count == 5 && $0[1].wholeMatch(of: /[A-Z_]+/) != nil }
        #expect(rows.map { "\($0[0]) \($0[1])" } == ResultCode.names.map { "\($0.code.rawValue) \($0.name)" })
        for row in rows {
            let code = ResultCode(rawValue: try #require(UInt16(row[0])))
            #expect(row[4].hasPrefix("yes") == code.isRetryable, "\(code)")
        }
    }

    @Test func partitionsAreRight() throws {
        let rows = try lines().filter { $0.count == 2 && $0[0].hasPrefix("`") && Int($0[1]) != nil }
        #expect(rows.count >= 4)
        for row in rows {
            let user = try #require(Id128(row[0].trimmingCharacters(in: ["`"])))
            #expect(Partition.of(user: user) == Int(row[1]))
        }
    }

    /// Each block that opens with "```hex NAME" is the golden frame of that name, with offsets before the
    /// bytes and words behind them.
    @Test func workedExamplesAreGoldenFrames() throws {
        let golden = try Golden.file.get()
        let blocks = try Self.page.get().matches(of: /```hex ([^\n]+)\n([^`]+)```/)
        #expect(blocks.count >= 4)
        for block in blocks {
            var bytes: [UInt8] = []
            for line in block.2.split(separator: "\n") {
                #expect(Int(line.prefix(3).trimmingCharacters(in: .whitespaces)) == bytes.count, "\(line)")
                bytes += Golden.bytes(line.dropFirst(5).prefix(47))
            }
            #expect(bytes == golden.frames.first { $0.name == block.1 }?.bytes, "\(block.1)")
        }
    }
}

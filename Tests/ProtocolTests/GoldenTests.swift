import Foundation
import Protocol
import TestSupport
import Testing

/// Shows that our frames are those of an implementation made from the page alone: each golden frame is
/// decoded and compared field by field, then encoded from its fields and compared byte by byte.
@Suite struct GoldenTests {
    @Test(arguments: Golden.frames)
    func headerIsTheSame(_ golden: Golden.GoldenFrame) throws {
        let bytes = golden.bytes
        let (hasMagic, header, checksumMatches) = bytes.withUnsafeBytes {
            let header = FrameHeader($0.baseAddress!)
            return (FrameHeader.hasMagic($0.baseAddress!), header, header.checksumMatches($0.baseAddress!))
        }
        #expect(hasMagic)
        #expect(checksumMatches)
        #expect(header.lengthBytes == golden.header.length && header.lengthBytes == bytes.count)
        #expect(header.version == golden.header.version)
        #expect(header.operation == golden.header.operation)
        #expect(header.status.rawValue == golden.header.status)
        #expect(header.requestId == UInt64(golden.header.requestId))
        #expect(header.count == golden.header.count && header.count == golden.body.count)
        #expect(header.flags == golden.header.flags)
        #expect(header.retryAfterMs == golden.header.retry)

        let sealed = FrameBytes.make(
            operation: golden.header.operation, status: ResultCode(rawValue: golden.header.status),
            requestId: try #require(UInt64(golden.header.requestId)), count: golden.header.count,
            flags: golden.header.flags, retryAfterMs: golden.header.retry,
            body: Array(bytes.dropFirst(Frame.headerSizeBytes)))
        #expect(sealed == bytes)
    }

    @Test(arguments: Golden.frames)
    func bodyIsTheSame(_ golden: Golden.GoldenFrame) throws {
        let layout = try #require(goldenLayouts[golden.layout])
        let operation = try #require(Operation(rawValue: golden.header.operation))
        #expect("\(operation)" == golden.operation)
        #expect(
            layout.sizeBytes
                == (golden.direction == "request" ? operation.entrySizeBytes : operation.resultSizeBytes))
        try compareBody(golden, as: layout)
    }

    private func compareBody<Layout: GoldenLayout>(
        _ golden: Golden.GoldenFrame, as layout: Layout.Type
    ) throws {
        let items = try golden.body.map { fields in
            var fields = fields
            let item = try Layout(fields: &fields)
            #expect(fields.values.isEmpty, "fields that \(Layout.self) does not have")
            return item
        }
        let body = Array(golden.bytes.dropFirst(Frame.headerSizeBytes))
        #expect(Layout.pack(items) == body)
        #expect(Layout.unpack(body) == items)
    }

    @Test func everyOperationHasBothDirections() throws {
        let seen = Set(try Golden.file.get().frames.map { "\($0.operation) \($0.direction)" })
        for operation in Operation.allCases {
            #expect(seen.contains("\(operation) request"))
            #expect(seen.contains("\(operation) reply"))
        }
    }

    @Test func checksumsAreTheSame() throws {
        for vector in try Golden.file.get().crc32c {
            #expect(Checksum.fast(Golden.bytes(vector.hex)) == vector.crc)
            #expect(Checksum.reference(Golden.bytes(vector.hex)) == vector.crc)
        }
    }

    @Test func partitionsAreTheSame() throws {
        for vector in try Golden.file.get().partitions {
            #expect(Partition.of(user: try #require(Id128(vector.user))) == vector.partition)
        }
    }

    @Test func idsAreTheSame() throws {
        for vector in try Golden.file.get().uuids {
            let id = try #require(Id128(vector.text))
            #expect(id.description == vector.text)
            #expect(String(id.high) == vector.high && String(id.low) == vector.low)
            #expect(id.isOperationId)
            #expect(id.version == vector.version)
            #expect(id.carriedPartition == vector.partition)
            #expect(id.mintTimeMs.map(String.init) == vector.mintTimeMs)
        }
    }

    @Test func idsOfPartsAreTheSame() throws {
        let vectors = try Golden.file.get().parts
        #expect(Set(vectors.map(\.part)).isSuperset(of: [0, 15, 16, 17, 18]))
        for vector in vectors {
            let id = try #require(Id128(vector.checkout)).ofPart(CheckoutPart(rawValue: vector.part))
            #expect(id.description == vector.id)
        }
    }

    static let hasPython = system("command -v python3 >/dev/null 2>&1") == 0

    /// The file in the tree must not be older than the script that makes it.
    @Test(.enabled(if: hasPython, "python3 is not installed, so tools/golden.py was not run"))
    func theFileIsWhatTheScriptPrints() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", Checkout.url("tools/golden.py").path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(
            try Data(contentsOf: Checkout.url("docs/protocol-golden.json")) == printed,
            "run: python3 tools/golden.py > docs/protocol-golden.json")
    }
}

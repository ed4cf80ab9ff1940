import Foundation
import Protocol
import TestSupport
import Testing

/// `docs/protocol-golden.json`, made by tools/golden.py: an implementation that shares no code with ours.
struct Golden: Decodable {
    struct Checksum: Decodable {
        var hex: String
        var crc: UInt32
    }

    struct PartitionOfUser: Decodable {
        var user: String
        var partition: Int
    }

    struct UUIDVector: Decodable {
        var text: String
        var high: String
        var low: String
        var version: Int
        var partition: Int
        var mintTimeMs: String?
    }

    struct PartOfCheckout: Decodable {
        var checkout: String
        var part: UInt8
        var id: String
    }

    struct Header: Decodable {
        var length: Int
        var version: UInt8
        var operation: UInt8
        var status: UInt16
        var requestId: String
        var count: Int
        var flags: UInt16
        var retry: UInt32
    }

    struct GoldenFrame: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var operation: String
        var direction: String
        var header: Header
        var layout: String
        var body: [GoldenFields]
        var hex: String

        var bytes: [UInt8] { Golden.bytes(hex) }
        var testDescription: String { name }
    }

    var crc32c: [Checksum]
    var partitions: [PartitionOfUser]
    var uuids: [UUIDVector]
    var parts: [PartOfCheckout]
    var frames: [GoldenFrame]

    static let file = Result {
        try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: Checkout.url("docs/protocol-golden.json")))
    }

    /// The frames, for tests with arguments; none if the file cannot be read, which `Golden.file.get()` reports.
    static var frames: [GoldenFrame] { (try? file.get().frames) ?? [] }

    /// The bytes of a text of hexadecimal digits.
    static func bytes(_ hex: some StringProtocol) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// Files of the checkout that these tests were built from.
enum Checkout {
    static func url(_ path: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(path)
    }
}

/// The fields of one entry or result by name. Each is taken once, so that one which nobody reads shows.
struct GoldenFields: Decodable, Sendable {
    enum Value: Decodable, Sendable {
        case number(UInt64)
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(UInt64.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    struct Missing: Error {
        var field: String
    }

    private(set) var values: [String: Value]

    init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([String: Value].self)
    }

    /// A number, or one of 64 bits, which stands as a decimal text.
    mutating func take<T: FixedWidthInteger>(_ field: String, as type: T.Type = T.self) throws -> T {
        switch values.removeValue(forKey: field) {
        case .number(let number) where T.bitWidth < 64:
            if let value = T(exactly: number) { return value }
        case .text(let text) where T.bitWidth == 64:
            if let value = T(text) { return value }
        default: break
        }
        throw Missing(field: field)
    }

    mutating func takeId(_ field: String) throws -> Id128 {
        guard case .text(let text)? = values.removeValue(forKey: field), let id = Id128(text) else {
            throw Missing(field: field)
        }
        return id
    }

    mutating func takeName(_ field: String) throws -> Name {
        guard case .text(let text)? = values.removeValue(forKey: field), let name = Name(text) else {
            throw Missing(field: field)
        }
        return name
    }

    mutating func takeReason() throws -> Reason {
        guard case .text(let text)? = values.removeValue(forKey: "reason"), let reason = Reason(text) else {
            throw Missing(field: "reason")
        }
        return reason
    }

    mutating func takeText(_ field: String) throws -> String {
        guard case .text(let text)? = values.removeValue(forKey: field) else { throw Missing(field: field) }
        return text
    }

    mutating func takeCounts(_ field: String) throws -> LatencyCounts {
        let numbers = try takeText(field).split(separator: " ").map { UInt64($0) }
        guard numbers.count == LatencyCounts.count else { throw Missing(field: field) }
        var counts = LatencyCounts()
        for (index, number) in numbers.enumerated() {
            guard let number else { throw Missing(field: field) }
            counts[index] = number
        }
        return counts
    }

    mutating func takeCode() throws -> ResultCode { ResultCode(rawValue: try take("code")) }
}

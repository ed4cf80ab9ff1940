import Protocol
import Testing

/// Shows which texts a name or a reason may hold, and that a field from the wire is judged before it is believed.
@Suite struct TextTests {
    private func name(length: UInt16, _ text: [UInt8], filler: UInt8 = 0) -> Name {
        var bytes = [UInt8](repeating: filler, count: Name.sizeBytes)
        bytes[0] = UInt8(length & 0xff)
        bytes[1] = UInt8(length >> 8)
        bytes.replaceSubrange(2..<(2 + text.count), with: text)
        return bytes.withUnsafeBytes { Name($0.baseAddress!) }
    }

    @Test(arguments: ["", "a", "New Year's sale – 신년 세일", String(repeating: "x", count: 78)])
    func textRoundTrips(_ text: String) throws {
        let name = try #require(Name(text))
        #expect(name.isValid)
        #expect(name.text == text)
        #expect(name.count == text.utf8.count)
        #expect(name == self.name(length: UInt16(text.utf8.count), Array(text.utf8)))
        #expect(
            name != self.name(length: UInt16(text.utf8.count), Array(text.utf8), filler: 1)
                || name.count == 78)
    }

    @Test func lengthIsCountedInBytes() {
        #expect(Name(String(repeating: "x", count: 79)) == nil)
        #expect(Name(String(repeating: "일", count: 26)) != nil)
        #expect(Name(String(repeating: "일", count: 27)) == nil)
    }

    @Test func badFieldsAreNotValid() {
        #expect(!name(length: 79, []).isValid)
        #expect(!name(length: .max, []).isValid)
        #expect(!name(length: 1, Array("ab".utf8)).isValid, "something behind the text")
        #expect(!name(length: 3, [0x61, 0x00, 0x62]).isValid)
        #expect(!name(length: 1, [0x0a]).isValid)
        #expect(!name(length: 1, [0x1f]).isValid)
        #expect(!name(length: 1, [0x7f]).isValid)
        #expect(!name(length: 1, [0x80]).isValid, "a continuation byte alone")
        #expect(!name(length: 2, [0xc0, 0x80]).isValid, "an overlong form")
        #expect(!name(length: 3, [0xed, 0xa0, 0x80]).isValid, "a surrogate")
        #expect(!name(length: 2, [0xec, 0x8b]).isValid, "half a character")
        #expect(name(length: 1, [0x20]).isValid)
    }

    @Test func textOfABadFieldStaysInside() {
        #expect(
            name(length: .max, Array(repeating: 0x61, count: 78)).text == String(repeating: "a", count: 78))
    }

    /// The rule of texts, which names and reasons share, decides as the standard library does: for every pair of bytes,
    /// and for the borders of what three and four bytes may say.
    @Test func utf8IsJudgedAsTheStandardLibraryDoes() {
        let borders: [UInt8] = [0x00, 0x20, 0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
        var texts: [[UInt8]] = (0...UInt8.max).flatMap { first in (0...UInt8.max).map { [first, $0] } }
        for first in 0xe0...UInt8.max {
            for second in borders {
                for third in borders {
                    texts.append([first, second, third])
                    texts += borders.map { [first, second, third, $0] }
                }
            }
        }
        for text in texts {
            let isPlain = text.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
            let isText = isPlain && String(validating: text, as: UTF8.self) != nil
            #expect(reason(text).isValid == isText && name(length: UInt16(text.count), text).isValid == isText)
        }
    }

    private func reason(_ text: [UInt8]) -> Reason {
        let field = [UInt8(text.count)] + text + [UInt8](repeating: 0, count: Reason.countMax - text.count)
        return field.withUnsafeBytes { Reason($0.baseAddress!) }
    }

    @Test(arguments: ["", "a", "신년 세일", String(repeating: "x", count: 31)])
    func reasonRoundTrips(_ text: String) throws {
        let reason = try #require(Reason(text))
        #expect(reason.isValid && reason.text == text && reason.isEmpty == text.isEmpty)
        #expect(reason == self.reason(Array(text.utf8)))
        var bytes = [UInt8](repeating: 0xaa, count: Reason.sizeBytes)
        bytes.withUnsafeMutableBytes { reason.store(to: $0.baseAddress!) }
        #expect(bytes.withUnsafeBytes { Reason($0.baseAddress!) } == reason)
    }

    @Test func aReasonIsCountedInBytes() {
        #expect(Reason(String(repeating: "x", count: 32)) == nil)
        #expect(Reason(String(repeating: "일", count: 10)) != nil)
        #expect(Reason(String(repeating: "일", count: 11)) == nil)
        let tooLong = [UInt8](repeating: 0x61, count: Reason.sizeBytes)
        let reason = tooLong.withUnsafeBytes { Reason($0.baseAddress!) }
        #expect(!reason.isValid && reason.text == String(repeating: "a", count: 31))
    }
}

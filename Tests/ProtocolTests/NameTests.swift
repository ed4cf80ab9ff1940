import Protocol
import Testing

/// Shows which texts a name may hold, and that a field from the wire is judged before it is believed.
@Suite struct NameTests {
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
}

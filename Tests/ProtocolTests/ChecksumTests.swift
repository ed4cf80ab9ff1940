import CAtomics
import Testing

/// The two forms of CRC-32C.
enum Checksum {
    static func fast(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { ts_crc32c(0, $0.baseAddress, $0.count) }
    }

    static func reference(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { ts_crc32c_reference(0, $0.baseAddress, $0.count) }
    }
}

/// Shows that the processor's instruction gives what the definition gives: its steps of eight bytes, its
/// remainder, its three streams and unaligned starts are all in the lengths and alignments tried.
@Suite struct ChecksumTests {
    static let bytes: [UInt8] = (0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 3) }

    @Test func everyLengthAndAlignment() {
        Self.bytes.withUnsafeBytes { bytes in
            for start in 0..<16 {
                for count in 0...300 {
                    let from = bytes.baseAddress! + start
                    #expect(
                        ts_crc32c(0, from, count) == ts_crc32c_reference(0, from, count),
                        "\(count) at \(start)")
                }
            }
        }
    }

    /// Around each multiple of what the three streams take at once.
    @Test func lengthsOfSeveralStretches() {
        Self.bytes.withUnsafeBytes { bytes in
            for stretch in [3 * 64, 3 * 512] {
                for multiple in 1...4 {
                    for count in (stretch * multiple - 9)...(stretch * multiple + 9) {
                        let from = bytes.baseAddress! + multiple
                        #expect(ts_crc32c(0, from, count) == ts_crc32c_reference(0, from, count), "\(count)")
                    }
                }
            }
            #expect(ts_crc32c(7, bytes.baseAddress!, 8192) == ts_crc32c_reference(7, bytes.baseAddress!, 8192))
        }
    }

    @Test func continuesFromAnyPlace() {
        Self.bytes.withUnsafeBytes { bytes in
            let from = bytes.baseAddress!
            let whole = ts_crc32c_reference(0, from, 100)
            for cut in 0...100 {
                #expect(ts_crc32c(ts_crc32c(0, from, cut), from + cut, 100 - cut) == whole, "cut at \(cut)")
            }
        }
    }

    /// Words that are not in memory yet, and what follows them there.
    @Test func wordsAsTheyWillLie() {
        Self.bytes.withUnsafeBytes { bytes in
            let from = bytes.baseAddress!
            for offset in 0..<64 {
                let word = { (index: Int) in from.loadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self) }
                let words = ts_crc32c_words(word(0), word(1), word(2))
                #expect(words == ts_crc32c_reference(0, from + offset, 24), "at \(offset)")
                let whole = ts_crc32c(words, from + offset + 24, 40)
                #expect(whole == ts_crc32c_reference(0, from + offset, 64), "at \(offset)")
            }
        }
    }
}

/// Makes new inputs of old ones: the same from the same seed and corpus.
///
/// What inputs are is the target's business, so that any bytes are an input. What an arbitrary input would never get
/// past, such as checksums, targets put right themselves where the input asks for it.
struct Mutator {
    private var dice: Dice
    private let sizeMaxBytes: Int
    private let words: [[UInt8]]

    init(seed: UInt64, sizeMaxBytes: Int, words: [String]) {
        dice = Dice(seed: seed)
        self.sizeMaxBytes = sizeMaxBytes
        self.words = words.map { Array($0.utf8) }
    }

    /// Numbers at which code that reads numbers changes its mind.
    private static let interesting: [UInt64] = [
        0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 1023, 1024, 4095, 4096, 8190, 8191,
        0x7fff, 0x8000, 0xffff, 0x1_0000, 1 << 20, 1 << 20 + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32,
        1 << 40, 1 << 40 + 1, 1 << 48 - 1, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 1, .max,
    ]

    /// An input of the corpus with one to eight changes.
    mutating func input(from corpus: [[UInt8]]) -> [UInt8] {
        var bytes = corpus.isEmpty ? [] : corpus[dice.below(corpus.count)]
        for _ in 0..<(1 << dice.below(4)) { change(&bytes, corpus) }
        if bytes.count > sizeMaxBytes { bytes.removeLast(bytes.count - sizeMaxBytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], _ corpus: [[UInt8]]) {
        guard !bytes.isEmpty else {
            bytes = (0...dice.below(32)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            return
        }
        let place = dice.below(bytes.count)
        switch dice.below(13) {
        case 0: bytes[place] ^= 1 << UInt8(dice.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: dice.next())
        case 2: bytes[place] &+= dice.below(2) == 0 ? 1 : 255
        case 3, 4: put(Self.interesting[dice.below(Self.interesting.count)], 1 << dice.below(4), at: place, &bytes)
        case 5: put(dice.next() >> UInt64(dice.below(64)), 1 << dice.below(4), at: place, &bytes)
        case 6: bytes.removeSubrange(place..<min(bytes.count, place + 1 + dice.below(piece())))
        case 7: bytes.insert(contentsOf: bytes[stretch(of: bytes)], at: place)
        case 8:
            let source = stretch(of: bytes)
            for (offset, byte) in Array(bytes[source]).enumerated() where place + offset < bytes.count {
                bytes[place + offset] = byte
            }
        case 9 where !words.isEmpty, 10 where !words.isEmpty:
            let word = words[dice.below(words.count)]
            if dice.below(2) == 0 {
                bytes.insert(contentsOf: word, at: place)
            } else {
                bytes.replaceSubrange(place..<min(bytes.count, place + word.count), with: word)
            }
        case 11:
            let zeros = repeatElement(UInt8(dice.below(2) == 0 ? 0 : 255), count: 1 + dice.below(piece()))
            bytes.insert(contentsOf: zeros, at: place)
        default:
            let other = corpus[dice.below(max(1, corpus.count))]
            guard !other.isEmpty else { return }
            let source = stretch(of: other)
            if dice.below(2) == 0 {
                bytes.insert(contentsOf: other[source], at: place)
            } else {
                bytes.replaceSubrange(place..., with: other[other.index(0, offsetBy: dice.below(other.count))...])
            }
        }
    }

    /// A size of what is put in or taken out: mostly small, and often that of a whole record.
    private mutating func piece() -> Int { [4, 16, 64, 256, 1024][dice.below(5)] }

    private mutating func stretch(of bytes: [UInt8]) -> Range<Int> {
        let begin = dice.below(bytes.count)
        return begin..<min(bytes.count, begin + 1 + dice.below(piece()))
    }

    /// A number of 1, 2, 4 or 8 bytes, little-endian mostly, as all of ours are but ids.
    private mutating func put(_ value: UInt64, _ sizeBytes: Int, at place: Int, _ bytes: inout [UInt8]) {
        let isLittle = dice.below(8) != 0
        // Records begin at multiples of eight: so do many of their fields.
        let start = dice.below(2) == 0 ? place : place & ~(sizeBytes - 1)
        for offset in 0..<sizeBytes where start + offset < bytes.count {
            let shift = 8 * UInt64(isLittle ? offset : sizeBytes - 1 - offset)
            bytes[start + offset] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }
}

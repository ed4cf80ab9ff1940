/// What happened, step by step: a running hash of all of it, and the words for it if somebody reads them.
struct Trace {
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var step = 0
    private let print: ((String) -> Void)?

    init(print: ((String) -> Void)?) { self.print = print }

    mutating func nextStep() { step += 1 }

    /// Notes an event; the words are made only for a reader, the numbers always count.
    mutating func note(_ a: UInt64, _ b: UInt64 = 0, _ words: @autoclosure () -> String) {
        fold(UInt64(truncatingIfNeeded: step))
        fold(a)
        fold(b)
        if let print { print("\(step) \(words())") }
    }

    /// Notes bytes that left the process.
    mutating func note(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset + 8 <= bytes.count {
            fold(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
    }

    private mutating func fold(_ word: UInt64) {
        hash = (hash ^ word) &* 0x0000_0100_0000_01b3
        hash ^= hash >> 29
    }
}

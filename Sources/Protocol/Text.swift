/// The rule of every text in a field of fixed size: a length, so many bytes of UTF-8 without control characters, zeros.
enum Text {
    /// - Parameters:
    ///   - field: the whole field.
    ///   - start: where the text begins, behind its length.
    ///   - count: its length as the field says; below it nothing has been checked.
    static func isValid(_ field: UnsafeRawBufferPointer, from start: Int, count: Int) -> Bool {
        guard count <= field.count - start else { return false }
        let text = field[start..<(start + count)]
        guard field[(start + count)...].allSatisfy({ $0 == 0 }), text.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { return false }
        return isUTF8(UnsafeRawBufferPointer(rebasing: text))
    }

    /// Well-formed as table 3-7 of the Unicode standard has it. Without a String: it would be allocated for each
    /// text longer than fifteen bytes.
    private static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < text.count {
            let first = text[index]
            let (following, second): (Int, ClosedRange<UInt8>) =
                switch first {
                case 0x00...0x7f: (0, 0x80...0xbf)
                case 0xc2...0xdf: (1, 0x80...0xbf)
                case 0xe0: (2, 0xa0...0xbf)
                case 0xed: (2, 0x80...0x9f)
                case 0xe1...0xef: (2, 0x80...0xbf)
                case 0xf0: (3, 0x90...0xbf)
                case 0xf4: (3, 0x80...0x8f)
                case 0xf1...0xf3: (3, 0x80...0xbf)
                default: (-1, 0x80...0xbf)
                }
            guard following >= 0, index + following < text.count else { return false }
            for offset in 0..<following {
                let range = offset == 0 ? second : 0x80...0xbf
                guard range.contains(text[index + 1 + offset]) else { return false }
            }
            index += 1 + following
        }
        return true
    }
}

/// A line made of pieces, each with a tone, whose width on a terminal is known.
struct StyledText: Equatable, ExpressibleByStringInterpolation {
    struct Piece: Equatable {
        var text: String
        var tone: Tone
    }

    private(set) var pieces: [Piece]

    private init(pieces: [Piece]) { self.pieces = pieces }
    init(_ text: String, _ tone: Tone = .plain) { pieces = [Piece(text: text, tone: tone)] }
    init(stringLiteral value: String) { self.init(value) }

    static func + (left: StyledText, right: StyledText) -> StyledText {
        var sum = left
        sum.pieces += right.pieces
        return sum
    }

    static func += (left: inout StyledText, right: StyledText) { left = left + right }

    var width: Int { pieces.reduce(0) { $0 + TextWidth.columns($1.text) } }

    /// At most so many columns of it. A line that is longer than a terminal is wide would wrap.
    func clipped(to columns: Int) -> StyledText {
        var clipped = StyledText(pieces: [])
        var left = columns
        for piece in pieces {
            let text = TextWidth.prefix(piece.text, columns: left)
            clipped.pieces.append(Piece(text: text, tone: piece.tone))
            left -= TextWidth.columns(text)
        }
        return clipped
    }

    func rendered(_ style: Style) -> String {
        pieces.map { style.paint($0.text, $0.tone) }.joined()
    }
}

/// How many columns of a terminal a text takes.
enum TextWidth {
    static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

    static func prefix(_ text: String, columns limit: Int) -> String {
        var left = limit
        return String(
            text.prefix { character in
                left -= columns(character)
                return left >= 0
            })
    }

    /// A character of the East Asian wide ranges and an emoji take two.
    private static func columns(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.value {
        case 0x0300...0x036f, 0x200b...0x200f, 0xfe00...0xfe0f: return 0
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
            0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff, 0x20000...0x3fffd:
            return 2
        default: return 1
        }
    }
}

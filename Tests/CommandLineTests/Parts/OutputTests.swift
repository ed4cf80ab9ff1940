import Testing
import TimesaleClient

@testable import CommandLineTool

/// Shows how numbers, tables, JSON, bars and sparklines look.
@Suite struct OutputTests {
    @Test func numbers() {
        #expect([0, 999, 1000, 1_234_567].map { Numbers.grouped($0) } == ["0", "999", "1,000", "1,234,567"])
        #expect(
            Numbers.grouped(-12_345) == "-12,345"
                && Numbers.grouped(UInt64.max) == "18,446,744,073,709,551,615")
        #expect(Numbers.fixed(1234.567, digits: 1) == "1,234.6" && Numbers.fixed(-0.04, digits: 1) == "0.0")
        #expect(Numbers.fixed(2.005, digits: 0) == "2" && Numbers.fixed(9.99, digits: 1) == "10.0")
        #expect(Numbers.bytes(1023) == "1023 B" && Numbers.bytes(1_572_864) == "1.5 MiB")
        #expect(
            Numbers.time(.microseconds(850)) == "850 us" && Numbers.time(.microseconds(1240)) == "1.24 ms")
        #expect(Numbers.time(.milliseconds(2500)) == "2.50 s")
        #expect(
            [0, 9_800, 59_999, 754_000, 3_723_000, 262_923_000].map { Numbers.countdown(ms: $0) }
                == ["0.0 s", "9.8 s", "60.0 s", "12:34", "1:02:03", "3 d 1:02:03"])
    }

    @Test func json() {
        let value = JSON.object([
            ("b", .string("a\"\\\n\u{1}日")),
            ("a", .array([.null, .bool(true), .integer(UInt64.max), .number(1.5)])),
            ("whole", .number(600)), ("none", .number(.infinity)),
        ])
        #expect(
            value.adding([("z", .milliseconds(.nanoseconds(1_234_567)))]).text
                == #"{"b":"a\"\\\n\u0001日","a":[null,true,18446744073709551615,1.5],"whole":600,"none":null,"z":1.235}"#
        )
    }

    @Test func tablesAlignWhatIsWide() {
        var table = Table("name", ">count", "note")
        table.add(["日本", "5", "x"])
        table.add([StyledText("a", .green), "1,000", ""])
        #expect(table.rendered(.plain) == "NAME  COUNT  NOTE\n日本      5  x\na     1,000  \n")
        #expect(table.rendered(Style(isColoured: true)).contains("\u{1b}[32ma\u{1b}[0m     1,000"))
        #expect(Table.fields([("a", "1"), ("long", "2")], .plain) == "a     1\nlong  2\n")
    }

    @Test func clippingKnowsWidth() {
        let text = StyledText("ab", .green) + "日本語"
        #expect(text.width == 8)
        #expect(text.clipped(to: 5).rendered(.plain) == "ab日" && text.clipped(to: 1).rendered(.plain) == "a")
        #expect(text.clipped(to: 99) == text)
    }

    @Test func colourIsForTerminalsThatWantIt() {
        func isColoured(_ isTerminal: Bool, _ environment: [String: String]) -> Bool {
            Style.chosen(isTerminal: isTerminal, environment: environment).isColoured
        }
        #expect(isColoured(true, ["TERM": "xterm"]) && isColoured(true, ["NO_COLOR": ""]))
        #expect(
            !isColoured(false, [:]) && !isColoured(true, ["NO_COLOR": "1"])
                && !isColoured(true, ["TERM": "dumb"]))
    }

    @Test func sparklines() {
        #expect(Glyphs.unicode.sparkline([0, 1, 2, 4, 8, -3]) == "▁▂▃▅█▁")
        #expect(Glyphs.unicode.sparkline([0.0, 0.0]) == "▁▁" && Glyphs.unicode.sparkline([]) == "")
        #expect(
            Glyphs.unicode.sparkline([1, 0.5], max: 1) == "█▅" && Glyphs.ascii.sparkline([0, 1]) == "_#")
        #expect(
            Glyphs.chosen([:]).available == "█" && Glyphs.chosen(["LANG": "en_US.UTF-8"]).available == "█")
        #expect(Glyphs.chosen(["LANG": "C"]).available == "#")
        #expect(Glyphs.chosen(["LC_ALL": "POSIX", "LANG": "C.utf8"]).available == "#")
    }
}

import Testing

@testable import CommandLineTool

/// Shows how times, durations and words are read and written.
@Suite struct ReadingTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"),
            ("2026-11-27T10:00:00.5Z", 1_795_773_600_500, "2026-11-27T10:00:00.500Z"),
            ("2026-11-27t19:00:00.123456789+09:00", 1_795_773_600_123, "2026-11-27T10:00:00.123Z"),
            ("2024-02-29 23:59:59z", 1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            ("2000-02-29T00:00:00-01:30", 951_787_800_000, "2000-02-29T01:30:00.000Z"),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(String, UInt64, String)])
    func timestamps(_ text: String, _ ms: UInt64, _ canonical: String) {
        #expect(Timestamp.ms(text) == ms)
        #expect(Timestamp.text(ms: ms) == canonical)
    }

    @Test(arguments: [
        "", "2026-11-27", "2026-11-27T10:00:00", "2026-11-27T10:00Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T10:60:00Z", "2026-11-27T10:00:60Z",
        "2026-11-27T10:00:00+24:00", "1969-12-31T23:59:59Z", "2026-11-27T10:00:00ZZ", "2026-11-27T10:00:00.Z",
        "٢٠٢٦-11-27T10:00:00Z",
    ])
    func noTimestamps(_ text: String) { #expect(Timestamp.ms(text) == nil) }

    /// Days of four centuries, of every month and every kind of year, there and back.
    @Test func days() {
        for day in stride(from: 0, to: 146_097, by: 13) as StrideTo<UInt64> {
            let ms = day * 86_400_000 + 86_399_999
            if Timestamp.ms(Timestamp.text(ms: ms)) != ms {
                Issue.record("day \(day): \(Timestamp.text(ms: ms))")
            }
        }
    }

    @Test(
        arguments: [
            ("0ms", 0, "0s"), ("500ms", 500, "500ms"), ("1000ms", 1000, "1s"), ("90s", 90_000, "90s"),
            ("60m", 3_600_000, "1h"), ("7d", 604_800_000, "7d"),
        ] as [(String, UInt64, String)])
    func durations(_ text: String, _ ms: UInt64, _ canonical: String) {
        #expect(Milliseconds(text)?.value == ms)
        #expect(Milliseconds(ms).description == canonical)
    }

    @Test(arguments: ["", "5", "s", "-5s", "+5s", "1.5s", "5 s", "5S", "5sec", "18446744073709551615d", "٥s"])
    func noDurations(_ text: String) { #expect(Milliseconds(text) == nil) }

    @Test func moments() {
        #expect(Moment("+10s")?.ms(nowMs: 5) == 10_005)
        #expect(Moment("+18446744073709551615ms")?.ms(nowMs: 5) == .max)
        #expect(Moment("1970-01-01T00:00:01Z")?.ms(nowMs: 5) == 1000)
        for text in ["10s", "+", "+10", "now", "-10s"] { #expect(Moment(text) == nil) }
    }

    @Test(
        arguments: [
            ("7", 7, 1), ("7:1", 7, 1), ("18446744073709551615:1000000", .max, 1_000_000),
        ] as [(String, UInt64, UInt32)])
    func lines(_ text: String, _ sale: UInt64, _ quantity: UInt32) throws {
        let line = try Reading.line(text)
        #expect(line.sale.rawValue == sale && line.quantity == quantity)
    }

    @Test(arguments: ["", ":", "7:", ":7", "0", "0:1", "7:0", "7:1000001", "7:1:1", "7x1", "-7:1", "7: 1", "٧:1"])
    func noLines(_ text: String) { #expect(throws: (any Error).self) { try Reading.line(text) } }

    @Test func words() {
        #expect(
            ShellWord.line(["timesale", "create", "--name", "it's 日", "a;b", "", "x=1/2"])
                == "timesale create --name 'it'\\''s 日' 'a;b' '' x=1/2")
    }

    @Test(arguments: [
        ("secret\n", "secret"), ("# mine\n\n  secret  # note\n", "secret"), ("shop a\nadmin b\n", "b"),
        ("shop a\nshop b\n", "a"), ("a\nadmin b", "b"),
    ])
    func tokenFiles(_ text: String, _ token: String) { #expect(TokenFile.token(in: text) == token) }

    @Test(arguments: ["", "# none\n", "a b\n", "shop a b\n"])
    func noTokenFiles(_ text: String) { #expect(TokenFile.token(in: text) == nil) }
}

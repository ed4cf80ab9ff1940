import Foundation
import NIOCore
import Testing
import TimesaleClient

@testable import Sidecar

/// The parts that need no process: times, keys, buckets, the mapping of the engine's errors.
@Suite struct PartTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-01-01T00:00:00.005Z", 1_767_225_600_005),
        ("2026-01-01t09:00:00.0059999+09:00", 1_767_225_600_005), ("2000-02-29T23:59:60Z", 951_868_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("1970-01-01T00:30:00-00:30", 3_600_000),
    ])
    func timesAreRead(_ text: String, _ ms: UInt64) { #expect(Timestamp.ms(text) == ms) }

    @Test(arguments: [
        "", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+25:00", "1969-12-31T23:59:59Z",
        "2026-01-01T00:00:00Zx", "+026-01-01T00:00:00Z",
    ])
    func otherTextsAreNoTimes(_ text: String) { #expect(Timestamp.ms(text) == nil) }

    @Test func timesComeBack() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let ms = UInt64.random(in: 0...Timestamp.msMax, using: &generator)
            var json = JSONWriter()
            json.time(ms)
            let text = String(buffer: json.buffer).filter { $0 != "\"" }
            #expect(Timestamp.ms(text) == ms, "\(text)")
        }
    }

    @Test func numbersAndTextsAreWritten() {
        var json = JSONWriter(capacity: 1)
        json.object {
            $0.key("a")
            $0.number(UInt64.max)
            $0.key("b")
            $0.text("\"\\\n\u{1}é")
            $0.key("c")
            $0.seconds(ms: 1_050)
            $0.key("d")
            $0.uuid(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210)
            $0.key("e")
            $0.array { _ in }
        }
        #expect(
            String(buffer: json.buffer)
                == #"{"a":18446744073709551615,"b":"\"\\\n\u0001é","c":1.05,"d":"#
                + #""01234567-89ab-cdef-fedc-ba9876543210","e":[]}"#
        )
    }

    @Test func keysAreQuotedOrBare() throws {
        #expect(try IdempotencyKey.read("abc") == "abc")
        #expect(try IdempotencyKey.read(#""a\"b\\c""#) == #"a"b\c"#)
        for wrong in [#"""#, #""a"b"#, #""a\n""#, #""""#, ""] {
            #expect(throws: Problem.self) { try IdempotencyKey.read(wrong) }
        }
    }

    /// The pattern in the OpenAPI document takes what the API takes, and nothing else.
    @Test func keysAreThoseOfTheDocument() throws {
        let wholes = ["a", "é", "\u{1f511}", "k y", "k\ty", "\\", "a\"b", "'", "~!@#$%^&*()[]{}<>?/|;:,."]
        let lengths = [1, 2, 254, 255, 256, 257].map { String(repeating: "é", count: $0) }
        let quoted = (wholes + lengths).map { whole in
            "\"\(whole.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        }
        let faulty = [
            "", "\"", "\"\"", "\"a", "\"a\"b", "\"a\\n\"", "\"a\\\"", "\u{fffd}", "a\u{fffd}b", "\"\u{fffd}\"",
        ]
        var accepted = 0
        for header in wholes + lengths + quoted + faulty {
            let isRead = (try? IdempotencyKey.read(header)) != nil
            let isInDocument = header.range(of: IdempotencyKey.pattern, options: .regularExpression) != nil
            #expect(isRead == isInDocument, "\(header)")
            accepted += isRead ? 1 : 0
        }
        #expect(accepted == 2 * (wholes.count + 4))
    }

    @Test func aBucketFillsAgain() {
        let buckets = TokenBuckets(rate: 10, burst: 2)
        let second: UInt64 = 1_000_000_000
        #expect(buckets.take(7, nowNs: second).remaining == 1)
        #expect(buckets.take(7, nowNs: second).remaining == 0)
        #expect(!buckets.take(7, nowNs: second).isAllowed)
        #expect(buckets.take(8, nowNs: second).isAllowed)
        #expect(!buckets.take(7, nowNs: second + 99_000_000).isAllowed)
        #expect(buckets.take(7, nowNs: second + 100_000_000).isAllowed)
    }

    /// Many keys push out others, but never let a key have more than its rate while it is in the table.
    @Test func manyKeysNeedNoMoreMemory() {
        let buckets = TokenBuckets(rate: 1, burst: 1)
        var allowed = 0
        for key in 0..<UInt64(TokenBuckets.countMax * 2) where buckets.take(key, nowNs: 5_000_000_000).isAllowed {
            allowed += 1
        }
        #expect(allowed == TokenBuckets.countMax * 2)
        #expect(!buckets.take(UInt64(TokenBuckets.countMax * 2 - 1), nowNs: 5_000_000_000).isAllowed)
    }

    /// Those that take a full disk, a log that was cut, or an engine that fails.
    @Test func theEnginesErrorsAreProblems() {
        let cases: [(TimesaleError, ProblemCode)] = [
            (.refused(.noSpace, retryAfterMs: 0), .noSpace), (.refused(.capacity, retryAfterMs: 0), .capacity),
            (.refused(.busy, retryAfterMs: 5), .busy), (.refused(.shuttingDown, retryAfterMs: 0), .unavailable),
            (.trimmed(oldest: TailPosition(sequence: 5)), .gone),
            (.refused(.failed, retryAfterMs: 0), .internalError),
            (.refused(.unknown(900), retryAfterMs: 0), .internalError), (.protocolViolation, .internalError),
            (.overloaded, .busy), (.timedOut, .unavailable), (.unavailable(.closed), .unavailable),
            (.refused(.forbidden, retryAfterMs: 0), .unavailable),
            (.partRefused(.coupon, .alreadyUsed), .alreadyUsed),
            (.refused(.idReused, retryAfterMs: 0), .idempotencyKeyReused),
        ]
        for (error, code) in cases { #expect(Problem(error, hasKey: false).code == code, "\(error)") }
        #expect(Problem(.refused(.busy, retryAfterMs: 2_500), hasKey: false).retryAfter == 3)
        #expect(Problem(.outcomeUnknown(.init(cause: .timedOut)), hasKey: false).retryAfter == nil)
        #expect(Problem(.outcomeUnknown(.init(cause: .timedOut)), hasKey: true).retryAfter == 1)
    }

    @Test func theBreakerOpensWhenNothingIsAnswered() throws {
        let breaker = Breaker(MetricsRegistry(SidecarFamilies.all, boundsUs: []))
        #expect(throws: Problem.self) { try breaker.admit() }
        breaker.answered(true)
        for _ in 0..<Breaker.failuresMax - 1 { breaker.failed(.timedOut) }
        try breaker.admit()
        breaker.failed(.refused(.soldOut, retryAfterMs: 0))
        breaker.failed(.timedOut)
        try breaker.admit()
        for _ in 0..<Breaker.failuresMax { breaker.failed(.timedOut) }
        #expect(breaker.state == .open)
        breaker.tryAgain()
        #expect(throws: Problem.self) { try breaker.admit() }
        breaker.answered(false)
        #expect(breaker.state == .open)
        breaker.answered(true)
        try breaker.admit()
        #expect(breaker.openedCount == 1)
    }

    /// After a restart of the engine the lanes are connected again one after the other.
    @Test func anEngineIsAwayWhenNoLaneHasAConnection() {
        func looks(_ connections: [Int], times: Int, _ absence: inout Absence) -> [Bool] {
            (0..<times).map { _ in absence.isLong(connections: connections) }
        }
        let max = Absence.looksMax
        var absence = Absence()
        #expect(looks([0, 1], times: 2 * max, &absence) == Array(repeating: false, count: 2 * max))
        #expect(looks([0, 0], times: max, &absence) == Array(repeating: false, count: max - 1) + [true])
        #expect(looks([2, 0], times: 1, &absence) == [false])
        #expect(looks([0, 0], times: max - 1, &absence) == Array(repeating: false, count: max - 1))
    }
}

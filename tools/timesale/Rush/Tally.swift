import Synchronization
import TimesaleClient

/// What the buyers of one client were told. The clock runs from the moment that the rush began.
final class Tally: Sendable {
    struct Counts: Sendable {
        var accepted = 0
        var refused: [RefusalCode: Int] = [:]
        /// Nobody knows whether these were accepted.
        var unknown = 0
        /// Got no answer, and nothing was done.
        var unanswered = 0
        /// Times that a buyer came before the sale had opened, and came again.
        var early = 0
        /// Times that a buyer asked again with the same id, for want of an answer.
        var askedAgain = 0

        var answered: Int { accepted + refused.values.reduce(0, +) }

        static func + (left: Counts, right: Counts) -> Counts {
            Counts(
                accepted: left.accepted + right.accepted,
                refused: left.refused.merging(right.refused, uniquingKeysWith: +),
                unknown: left.unknown + right.unknown, unanswered: left.unanswered + right.unanswered,
                early: left.early + right.early, askedAgain: left.askedAgain + right.askedAgain)
        }
    }

    /// What was measured, an entry for each.
    struct Records: Sendable {
        /// From each buyer's call to the answer, retries included.
        var latenciesUs: [UInt32] = []
        var lastAnswerUs: UInt32 = 0
        var acceptedAtUs: [UInt32] = []
        var accepted: [OrderRequest] = []

        static func + (left: Records, right: Records) -> Records {
            Records(
                latenciesUs: left.latenciesUs + right.latenciesUs,
                lastAnswerUs: max(left.lastAnswerUs, right.lastAnswerUs),
                acceptedAtUs: left.acceptedAtUs + right.acceptedAtUs, accepted: left.accepted + right.accepted
            )
        }
    }

    private struct State {
        var counts = Counts()
        var records = Records()
    }

    private let state = Mutex(State())
    private let begin: ContinuousClock.Instant

    init(begin: ContinuousClock.Instant) { self.begin = begin }

    var counts: Counts { state.withLock { $0.counts } }
    var records: Records { state.withLock { $0.records } }

    func accept(_ request: OrderRequest, called: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.counts.accepted += 1
            state.records.acceptedAtUs.append(microseconds(now - begin))
            state.records.accepted.append(request)
            answer(&state.records, called, now)
        }
    }

    func refuse(_ code: RefusalCode, called: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.counts.refused[code, default: 0] += 1
            answer(&state.records, called, now)
        }
    }

    func count(_ what: WritableKeyPath<Counts, Int> & Sendable) {
        state.withLock { $0.counts[keyPath: what] += 1 }
    }

    private func answer(
        _ records: inout Records, _ called: ContinuousClock.Instant, _ now: ContinuousClock.Instant
    ) {
        records.latenciesUs.append(microseconds(now - called))
        records.lastAnswerUs = microseconds(now - begin)
    }

    private func microseconds(_ duration: Duration) -> UInt32 {
        UInt32(clamping: Int64(duration / .microseconds(1)))
    }
}

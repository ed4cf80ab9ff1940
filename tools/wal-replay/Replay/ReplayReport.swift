import CommandLineTool

/// What came of a replay.
struct ReplayReport {
    private let accepted: Int
    private let refusals: [Sender.Refusal]
    private let lateMaxMs: UInt64
    private let duration: Duration
    private let comparison: ContentComparison
    private let unitsOfNobody: UInt64

    init(_ tally: Sender.Tally, _ duration: Duration, _ comparison: ContentComparison, _ recording: Recording) async
    {
        accepted = await tally.accepted
        refusals = await tally.refusals.sorted { $0.index < $1.index }
        lateMaxMs = await tally.lateMaxMs
        self.duration = duration
        self.comparison = comparison
        unitsOfNobody = recording.unitsOfNobody
    }

    /// Everything was accepted, and the content is the same.
    var isPerfect: Bool {
        refusals.isEmpty && comparison.differences.isEmpty && comparison.logDigest == comparison.serverDigest
    }

    private var rate: Double { Double(accepted + refusals.count) / max(1e-6, duration / .seconds(1)) }

    func lines(_ server: String) -> [String] {
        var lines = [
            "sent       \(Numbers.grouped(accepted + refusals.count)) operations in \(Numbers.time(duration)), "
                + "\(Numbers.fixed(rate, digits: 0)) a second; at most \(lateMaxMs) ms late",
            "accepted   \(Numbers.grouped(accepted))",
            "refused    \(Numbers.grouped(refusals.count))",
        ]
        for refusal in refusals { lines.append("  \(refusal.operation.text): \(refusal.reason)") }
        if unitsOfNobody > 0 {
            lines.append(
                "not sent   \(unitsOfNobody) units of orders and coupons that the log has forgotten: "
                    + "the counts of their "
                    + "sales and policies differ by them")
        }
        lines.append(
            "compared   sales, policies, and \(comparison.usersCompared) of \(comparison.usersKnown) users: content "
                + "\(hexadecimal(comparison.logDigest.value)) in the log, "
                + "\(hexadecimal(comparison.serverDigest.value)) "
                + "on \(server)")
        for difference in comparison.differences { lines.append("DIFFERS    \(difference.text("server"))") }
        lines.append(isPerfect ? "ok" : "\(refusals.count) refused, \(comparison.differences.count) differ")
        return lines
    }

    var json: String {
        var line = JsonLine()
        line.add("ok", isPerfect)
        line.add("accepted", accepted)
        line.add("refused", refusals.count)
        line.add("durationMs", Int(duration / .milliseconds(1)))
        line.raw("operationsPerSecond", "\((rate * 10).rounded() / 10)")
        line.add("lateMaxMs", lateMaxMs)
        line.raw(
            "refusals",
            JsonLine.array(
                refusals.map { refusal in
                    var line = JsonLine()
                    line.add("operation", refusal.operation.text)
                    line.add("reason", refusal.reason)
                    return line.closed
                }))
        line.add("unitsNotSent", unitsOfNobody)
        line.add("users", comparison.usersCompared)
        line.add("usersKnown", comparison.usersKnown)
        line.add("contentOfLog", hexadecimal(comparison.logDigest.value))
        line.add("contentOfServer", hexadecimal(comparison.serverDigest.value))
        line.raw("differences", JsonLine.array(comparison.differences.map(\.json)))
        return line.closed
    }
}

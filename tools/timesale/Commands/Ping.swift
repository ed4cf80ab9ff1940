import ArgumentParser
import TimesaleClient

/// Measures how long an answer takes.
struct Ping: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask for a sign of life, and measure how long it takes.")

    @Option(
        help: ArgumentHelp("How many times.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...1_000_000) })
    var count = 5

    @Option(
        help: ArgumentHelp("The pause between them.", valueName: "duration"),
        transform: { try Reading.duration($0, in: 0...3_600_000) })
    var interval = Milliseconds(200)

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        var times: [Duration] = []
        var serverTimeMs: UInt64 = 0
        for number in 1...count {
            let pong = try await session.client.ping()
            times.append(pong.roundTrip)
            serverTimeMs = pong.serverTimeMs
            session.output.remark("\(session.address) answered in \(Numbers.time(pong.roundTrip))\n")
            if number < count { try await Task.sleep(for: interval.duration) }
        }
        times.sort()
        let mean = times.reduce(.zero, +) / times.count
        let figures = [
            ("min", times[0]), ("mean", mean), ("p50", times[(times.count - 1) / 2]),
            ("max", times[times.count - 1]),
        ]
        session.output.show(
            json: .object([
                ("server", .string("\(session.address)")), ("count", .integer(count)),
                ("serverTime", .string(Timestamp.text(ms: serverTimeMs))),
                ("roundTripMs", .object(figures.map { ($0, .milliseconds($1)) })),
            ]),
            text: figures.map { "\($0) \(Numbers.time($1))" }.joined(separator: "   ") + "\n")
    }
}

import ArgumentParser
import TimesaleClient

/// Moves the end of holds.
struct Extend: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hold orders for longer.", discussion: "Never shortens a hold.")

    @Argument(help: ArgumentHelp("Orders.", valueName: "order"), transform: Reading.order)
    var orders: [OrderID]

    @Option(
        help: ArgumentHelp("When they expire: 2026-11-27T10:00:00Z, or +10m from now.", valueName: "time"),
        transform: Reading.moment)
    var until: Moment

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let untilMs = try await session.ms(until)
        let results = await each(orders) { id throws(TimesaleError) in
            try await session.client.extend(id, untilMs: untilMs)
        }
        var answers = OrderAnswers()
        for (id, result) in zip(orders, results) {
            switch result {
            case .success(let order): answers.add(order, session.output.style)
            case .failure(let error):
                let words = ["extend", "\(id)", "--until", Timestamp.text(ms: untilMs)]
                answers.add(session.failure(error, again: words), of: id)
            }
        }
        try answers.finish(session.output)
    }
}

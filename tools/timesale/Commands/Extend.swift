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
        let results = await withTaskGroup(of: (Int, Result<Order, TimesaleError>).self) { group in
            for (index, id) in orders.enumerated() {
                group.addTask {
                    do throws(TimesaleError) {
                        return (index, .success(try await session.client.extend(id, untilMs: untilMs)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        var answers = OrderAnswers()
        for (index, id) in orders.enumerated() {
            switch results[index] {
            case .success(let order): answers.add(order)
            case .failure(let error):
                let words = ["extend", "\(id)", "--until", Timestamp.text(ms: untilMs)]
                answers.add(Failure(error, address: session.address, again: session.command(words)), of: id)
            case nil: break
            }
        }
        try answers.finish(session.output)
    }
}

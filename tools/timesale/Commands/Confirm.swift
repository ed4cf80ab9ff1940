import ArgumentParser
import TimesaleClient

/// Ends holds as sales.
struct Confirm: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Confirm held orders: they are paid.",
        discussion:
            "Confirming again changes nothing. An expired order is confirmed late if its units are there.")

    @Argument(help: ArgumentHelp("Orders.", valueName: "order"), transform: Reading.order)
    var orders: [OrderID]

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        var answers = OrderAnswers()
        for (id, result) in zip(orders, await session.client.confirm(orders)) {
            switch result {
            case .success(let order): answers.add(order, session.output.style)
            case .failure(let error):
                answers.add(session.failure(error, again: ["confirm", "\(id)"]), of: id)
            }
        }
        try answers.finish(session.output)
    }
}

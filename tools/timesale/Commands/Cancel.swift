import ArgumentParser
import TimesaleClient

/// Gives the units of orders back.
struct Cancel: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cancel orders: their units sell again.",
        discussion: """
            Held, confirmed (a refund) and expired ones. Cancelling an order that the server does not know makes it \
            refuse that order, should it still arrive.
            """)

    @Argument(help: ArgumentHelp("Orders.", valueName: "order"), transform: Reading.order)
    var orders: [OrderID]

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        var answers = OrderAnswers()
        for (id, result) in zip(orders, await session.client.cancel(orders)) {
            switch result {
            case .success(let cancellation): answers.add(cancellation, session.output.style)
            case .failure(let error):
                answers.add(session.failure(error, again: ["cancel", "\(id)"]), of: id)
            }
        }
        try answers.finish(session.output)
    }
}

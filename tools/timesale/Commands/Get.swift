import ArgumentParser
import TimesaleClient

/// Shows a sale or an order: the one is a number, the other a UUID.
struct Get: ServerCommand {
    static let configuration = CommandConfiguration(abstract: "Show a sale or an order.")

    enum Subject: Hashable {
        case sale(SaleID)
        case order(OrderID)

        static func read(_ text: String) throws -> Subject {
            if let order = OrderID(text) { return .order(order) }
            guard let sale = try? Reading.sale(text) else {
                throw ValidationError("a sale is a whole number above 0, an order a UUID of version 7 or 8")
            }
            return .sale(sale)
        }
    }

    @Argument(
        help: ArgumentHelp("A sale's number, or an order's UUID.", valueName: "id"), transform: Subject.read)
    var subject: Subject

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let output = session.output
        switch subject {
        case .sale(let id):
            let sale = try await session.client.sale(id)
            output.show(json: sale.json, text: sale.text(output.style))
        case .order(let id):
            let order = try await session.client.order(id)
            output.show(json: order.json, text: order.text(output.style))
        }
    }
}

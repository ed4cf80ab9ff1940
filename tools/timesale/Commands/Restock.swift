import ArgumentParser
import TimesaleClient

/// Adds units to a sale.
struct Restock: ServerCommand {
    static let configuration = CommandConfiguration(abstract: "Add units to a sale's stock.")

    @Argument(help: ArgumentHelp("The sale.", valueName: "sale"), transform: Reading.sale)
    var sale: SaleID

    @Argument(help: ArgumentHelp("Units to add, 1 to 2^40.", valueName: "n"), transform: Reading.stock)
    var quantity: UInt64

    @OptionGroup var repeating: OperationOptions

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let operation = repeating.operation(path: "/v1/timesales/\(sale)/restock")
        let words = ["restock", "\(sale)", "\(quantity)", "--operation-id", "\(operation)"]
        let sale = try await session.change(again: words) { () throws(TimesaleError) in
            try await session.client.restock(self.sale, quantity: quantity, operation: operation)
        }
        session.output.show(
            json: sale.jsonOfChange.adding([("operationId", .string("\(operation)"))]),
            text: sale.text(session.output.style))
        if sale.isRepeat { session.output.remark("It had been restocked so before; nothing was done.\n") }
    }
}

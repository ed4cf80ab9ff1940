import ArgumentParser
import TimesaleClient

/// Ends a sale before its time.
struct Close: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close a sale for good.",
        discussion: "Open holds may still be confirmed, cancelled and extended.")

    @Argument(help: ArgumentHelp("The sale.", valueName: "sale"), transform: Reading.sale)
    var sale: SaleID

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let sale = try await session.change(again: ["close", "\(sale)"]) { () throws(TimesaleError) in
            try await session.client.close(self.sale)
        }
        session.output.show(json: sale.jsonOfChange, text: sale.text(session.output.style))
        if sale.isRepeat { session.output.remark("It had been closed before; nothing was done.\n") }
    }
}

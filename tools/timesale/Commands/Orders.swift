import ArgumentParser
import TimesaleClient

/// Lists the orders of a user, newest first, or of a sale.
struct Orders: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "List a user's orders, newest first, or those of a sale.")

    @Option(help: "Of this user: a number, or a UUID.", transform: Reading.user)
    var user: UserID?

    @Option(
        help: ArgumentHelp(
            "Of this sale, by whomever, in no particular order. Needs a token with the scope admin.",
            valueName: "sale"),
        transform: Reading.sale)
    var sale: SaleID?

    @OptionGroup var page: PageOptions

    @Option(
        help: ArgumentHelp(
            "Begin behind this: an order of the user; of a sale's orders the cursor that the page before ended with.",
            valueName: "place"))
    var after: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (user == nil) != (sale == nil) else { throw ValidationError("orders needs either --user or --sale") }
        if sale != nil, let after, SaleOrderCursor(after) == nil {
            throw ValidationError("'\(after)' is no cursor of a sale's orders")
        }
        if user != nil, let after { _ = try Reading.order(after) }
    }

    func run(_ session: Session) async throws {
        if let sale {
            let (orders, next) = try await page.gather(after: after.flatMap(SaleOrderCursor.init)) { after, limit in
                let got = try await session.client.orders(ofSale: sale, after: after, limit: limit)
                return (got.orders, got.next)
            }
            show(orders, next: next.map { "\($0)" }, of: "sale", "\(sale)", session)
        } else if let user {
            let (orders, next) = try await page.gather(after: after.map(Reading.order)) { after, limit in
                let got = try await session.client.orders(of: user, after: after, limit: limit)
                return (got.orders, got.next)
            }
            show(orders, next: next.map { "\($0)" }, of: "user", "\(user)", session)
        }
    }

    private func show(_ orders: [Order], next: String?, of kind: String, _ id: String, _ session: Session) {
        session.output.show(
            orders.map(\.json), Order.table(orders), next: next, none: "No orders of \(kind) \(id).",
            command: session.command(["orders", "--\(kind)", id, "--after", next ?? ""]))
    }
}

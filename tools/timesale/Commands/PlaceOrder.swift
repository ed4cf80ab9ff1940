import ArgumentParser
import TimesaleClient

/// Orders units of a sale for a user.
struct PlaceOrder: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract: "Order units of a sale for a user.",
        discussion: """
            To order once however often the command runs, give a --key: the same key with the same content is the \
            same order, and the answer says that it is a repeat. So does an --id that was printed.
            """)

    @Argument(help: ArgumentHelp("The sale.", valueName: "sale"), transform: Reading.sale)
    var sale: SaleID

    @Option(help: "A number, or a UUID.", transform: Reading.user)
    var user: UserID

    @Option(help: ArgumentHelp("Units, 1 to 1,000,000.", valueName: "n"), transform: Reading.quantity)
    var quantity: UInt32 = 1

    @Option(
        help: ArgumentHelp("The order's id, made for this user. (default: drawn)", valueName: "uuid"),
        transform: Reading.order)
    var id: OrderID?

    @Option(
        help: ArgumentHelp(
            "Any text; the id is made of it. The same as an Idempotency-Key over HTTP.", valueName: "text"),
        transform: Reading.key)
    var key: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if id != nil, key != nil { throw ValidationError("--id and --key both name the order: give one") }
    }

    func run(_ session: Session) async throws {
        let keyed = key.map { OrderID(idempotencyKey: $0, for: user, scope: "/v1/timesales/\(sale)/orders") }
        let request = OrderRequest(sale: sale, user: user, quantity: quantity, id: id ?? keyed)
        let words = [
            "order", "\(sale)", "--user", "\(user)", "--quantity", "\(quantity)", "--id", "\(request.id)",
        ]
        let order = try await session.change(again: words) { () throws(TimesaleError) in
            try await session.client.order(request)
        }
        session.output.show(json: order.jsonOfChange, text: order.text(session.output.style))
        if order.isRepeat {
            session.output.remark("It had been ordered before; nothing was done.\n")
        } else if order.state == .held {
            session.output.remark("Paid? \(session.command(["confirm", "\(order.id)"]))\n")
        }
    }
}

import TimesaleClient

/// The answers to a command that names several orders.
struct OrderAnswers {
    private var answers = Answers(
        "order", "sale", "user", ">quantity", "state", "expires at", codeColumn: 4)

    mutating func add(_ order: Order, _ style: Style) {
        answers.add(
            order.jsonOfChange,
            row: [
                StyledText("\(order.id)"), StyledText("\(order.sale)"), StyledText("\(order.user)"),
                StyledText(Numbers.grouped(order.quantity)),
                order.state.styled + StyledText(order.isLateConfirm ? " (late)" : ""),
                StyledText(order.expiresAtMs.map { Timestamp.text(ms: $0) } ?? ""),
            ], text: order.text(style))
    }

    mutating func add(_ cancellation: Cancellation, _ style: Style) {
        switch cancellation {
        case .order(let order): add(order, style)
        case .beforeOrder(let id):
            answers.add(
                .object([
                    ("orderId", .string("\(id)")), ("state", .string("cancelled")),
                    ("beforeOrder", .bool(true)),
                ]),
                row: [
                    StyledText("\(id)"), "", "", "", StyledText("cancelled before it was ordered", .dim), "",
                ])
        }
    }

    mutating func add(_ failure: Failure, of id: OrderID) {
        answers.add(failure, about: .order(id), id: "\(id)")
    }

    func finish(_ output: Output) throws { try answers.finish(output) }
}

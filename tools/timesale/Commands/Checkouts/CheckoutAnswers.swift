import TimesaleClient

/// The answers to a command that names several checkouts.
struct CheckoutAnswers {
    private var answers = Answers(
        "checkout", "user", ">orders", ">to pay", "state", "expires at", codeColumn: 4)

    mutating func add(_ checkout: Checkout, _ style: Style) {
        answers.add(
            checkout.jsonOfChange,
            row: [
                StyledText("\(checkout.id)"), StyledText("\(checkout.user)"),
                StyledText(Numbers.grouped(checkout.orders.count)), StyledText(Numbers.grouped(checkout.toPay)),
                checkout.state.styled + StyledText(checkout.isLateConfirm ? " (late)" : ""),
                StyledText(checkout.expiresAtMs.map { Timestamp.text(ms: $0) } ?? ""),
            ], text: checkout.text(style))
    }

    mutating func add(_ cancellation: CheckoutCancellation, _ style: Style) {
        switch cancellation {
        case .checkout(let checkout): add(checkout, style)
        case .beforeCheckout(let id):
            answers.add(
                .object([
                    ("checkoutId", .string("\(id)")), ("state", .string("cancelled")),
                    ("beforeCheckout", .bool(true)),
                ]),
                row: [
                    StyledText("\(id)"), "", "", "", StyledText("cancelled before it was placed", .dim), "",
                ])
        }
    }

    mutating func add(_ failure: Failure, of id: CheckoutID) {
        answers.add(failure, about: .checkout(id), id: "\(id)")
    }

    func finish(_ output: Output) throws { try answers.finish(output) }
}

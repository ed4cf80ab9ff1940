import TimesaleClient

/// The answers to a command that names several orders: each stands for itself, in the order of the arguments.
struct OrderAnswers {
    /// One line of the answer.
    private enum Answer {
        case order(Order)
        case cancelledFirst(OrderID)
        case failure(OrderID, Failure)
    }

    private var answers: [Answer] = []

    mutating func add(_ order: Order) { answers.append(.order(order)) }

    mutating func add(_ cancellation: Cancellation) {
        switch cancellation {
        case .order(let order): answers.append(.order(order))
        case .beforeOrder(let id): answers.append(.cancelledFirst(id))
        }
    }

    mutating func add(_ failure: Failure, of id: OrderID) {
        var failure = failure
        failure.about = .order(id)
        answers.append(.failure(id, failure))
    }

    /// Prints all of them. A single failure is thrown as that of any command; of several the exit status is that of
    /// the first, except that an unknown outcome comes before what is certain.
    func finish(_ output: Output) throws {
        if answers.count == 1, case .failure(_, let failure) = answers[0] { throw failure }
        if output.isJSON {
            for answer in answers { output.show(json: json(answer), text: "") }
        } else if answers.count == 1, case .order(let order) = answers[0] {
            output.show(json: .null, text: order.text(output.style))
        } else {
            output.show(json: .null, text: table.rendered(output.style))
        }
        var statuses: [ExitStatus] = []
        for case .failure(let id, var failure) in answers {
            statuses.append(failure.status)
            failure.subject = "\(id)"
            if !output.isJSON { failure.report(isJSON: false) }
        }
        if let status = statuses.first(where: { $0 == .unknown }) ?? statuses.first { throw status }
    }

    private func json(_ answer: Answer) -> JSON {
        switch answer {
        case .order(let order): order.jsonOfChange
        case .cancelledFirst(let id):
            .object([
                ("orderId", .string("\(id)")), ("state", .string("cancelled")), ("beforeOrder", .bool(true)),
            ])
        case .failure(_, let failure): failure.json
        }
    }

    private var table: Table {
        var table = Table("order", "sale", "user", ">quantity", "state", "expires at")
        for answer in answers {
            switch answer {
            case .order(let order):
                table.add([
                    StyledText("\(order.id)"), StyledText("\(order.sale)"), StyledText("\(order.user)"),
                    StyledText(Numbers.grouped(order.quantity)),
                    order.state.styled + StyledText(order.isLateConfirm ? " (late)" : ""),
                    StyledText(order.expiresAtMs.map { Timestamp.text(ms: $0) } ?? ""),
                ])
            case .cancelledFirst(let id):
                table.add([
                    StyledText("\(id)"), "", "", "", StyledText("cancelled before it was ordered", .dim), "",
                ])
            case .failure(let id, let failure):
                table.add([StyledText("\(id)"), "", "", "", StyledText(failure.code, .red), ""])
            }
        }
        return table
    }
}

import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Cancels transactions.
    struct Cancel: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "Cancel uses, whose points come back, or earnings of which nothing is spent.",
            discussion: """
                What comes back keeps its expiry. Cancelling a transaction that the server does not know makes it \
                refuse that transaction, should it still arrive.
                """)

        @Argument(
            help: ArgumentHelp("Transactions.", valueName: "transaction"), transform: Reading.transaction)
        var transactions: [TransactionID]

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let client = session.client
            let results = await each(transactions) { id throws(TimesaleError) in
                try await client.cancelTransaction(id)
            }
            var answers = Answers(
                "transaction", "kind", "user", ">amount", "state", ">balance", codeColumn: 4)
            for (id, result) in zip(transactions, results) {
                switch result {
                case .success(.transaction(let transaction)):
                    answers.add(
                        transaction.jsonOfChange, row: Self.row(transaction),
                        text: transaction.text(session.output.style, withBalance: true))
                case .success(.beforeTransaction):
                    answers.add(
                        .object([
                            ("transactionId", .string("\(id)")), ("state", .string("cancelled")),
                            ("beforeTransaction", .bool(true)),
                        ]),
                        row: [
                            StyledText("\(id)"), "", "", "", StyledText("cancelled before it came", .dim), "",
                        ])
                case .failure(let error):
                    answers.add(
                        session.failure(error, again: ["point", "cancel", "\(id)"]), about: .transaction(id),
                        id: "\(id)")
                }
            }
            try answers.finish(session.output)
        }

        private static func row(_ transaction: PointTransaction) -> [StyledText] {
            [
                StyledText("\(transaction.id)"), StyledText(transaction.kind.name),
                StyledText("\(transaction.user)"), StyledText(Numbers.grouped(transaction.amount)),
                transaction.state.styled, StyledText(Numbers.grouped(transaction.balance)),
            ]
        }
    }
}

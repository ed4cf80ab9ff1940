import TimesaleClient

// A transaction of points as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension PointTransaction {
    var json: JSON {
        var fields: [(String, JSON)] = [
            ("transactionId", .string("\(id)")), ("userId", .string("\(user)")),
            ("kind", .string(kind.name)), ("amount", .integer(amount)), ("reason", .string(reason)),
            ("state", .string(state.name)), ("createdAt", .string(Timestamp.text(ms: createdAtMs))),
        ]
        if let expiresAtMs { fields.append(("expiresAt", .string(Timestamp.text(ms: expiresAtMs)))) }
        if let remaining { fields.append(("remaining", .integer(remaining))) }
        return .object(fields + [("partOfCheckout", .bool(isPartOfCheckout))])
    }

    /// The same, with the balance, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("balance", .integer(balance)), ("repeat", .bool(isRepeat))]) }

    /// - Parameter withBalance: also the user's points now.
    func text(_ style: Style, withBalance: Bool) -> String {
        var fields: [(String, StyledText)] = [
            ("transaction", StyledText("\(id)", .bold)), ("user", StyledText("\(user)")),
            ("kind", StyledText(kind.name)), ("amount", StyledText(Numbers.grouped(amount))),
        ]
        if !reason.isEmpty { fields.append(("reason", StyledText(reason))) }
        fields.append(("state", state.styled))
        if let remaining { fields.append(("left of it", StyledText(Numbers.grouped(remaining)))) }
        fields.append(("created at", StyledText(Timestamp.text(ms: createdAtMs))))
        if kind == .earning {
            fields.append(("expires at", StyledText(expiresAtMs.map { Timestamp.text(ms: $0) } ?? "never")))
        }
        if isPartOfCheckout { fields.append(("part of", "a checkout, and is cancelled only with it")) }
        if withBalance { fields.append(("balance", StyledText(Numbers.grouped(balance)))) }
        return Table.fields(fields, style)
    }

    static func table(_ transactions: [PointTransaction]) -> Table {
        var table = Table(
            "transaction", "kind", ">amount", ">left", "state", "created at", "expires at", "reason")
        for transaction in transactions {
            table.add([
                StyledText("\(transaction.id)"), StyledText(transaction.kind.name),
                StyledText(Numbers.grouped(transaction.amount)),
                StyledText(transaction.remaining.map { Numbers.grouped($0) } ?? ""),
                transaction.state.styled, StyledText(Timestamp.text(ms: transaction.createdAtMs)),
                StyledText(transaction.expiresAtMs.map { Timestamp.text(ms: $0) } ?? ""),
                StyledText(transaction.reason),
            ])
        }
        return table
    }
}

extension PointBalance {
    func json(of user: UserID) -> JSON {
        .object([
            ("userId", .string("\(user)")), ("balance", .integer(points)),
            (
                "nextExpiry",
                nextExpiry.map {
                    .object([
                        ("amount", .integer($0.amount)), ("at", .string(Timestamp.text(ms: $0.atMs))),
                    ])
                } ?? .null
            ),
        ])
    }

    func text(of user: UserID, _ style: Style) -> String {
        var next = "nothing"
        if let expiry = nextExpiry {
            next = "\(Numbers.grouped(expiry.amount)) at \(Timestamp.text(ms: expiry.atMs))"
        }
        return Table.fields(
            [
                ("user", StyledText("\(user)", .bold)), ("balance", StyledText(Numbers.grouped(points))),
                ("expires next", StyledText(next)),
            ], style)
    }
}

extension TransactionKind {
    var name: String {
        switch self {
        case .earning: "earn"
        case .use: "use"
        }
    }
}

extension TransactionState {
    var name: String {
        switch self {
        case .posted: "posted"
        case .cancelled: "cancelled"
        case .expired: "expired"
        }
    }

    var styled: StyledText {
        switch self {
        case .posted: StyledText(name, .green)
        case .cancelled, .expired: StyledText(name, .dim)
        }
    }
}

import TimesaleClient

extension PointTransaction {
    static let shape = ObjectShape(
        "PointTransaction", "Points that a user earned or used.",
        [
            .init("transactionId", .uuid, "The transaction."),
            .init("userId", .userId, "Whose it is."),
            .init("kind", .choice(["earn", "use", "expire", "cancel"]), "What it does to the balance."),
            .init("amount", .integer, "Points."),
            .init("reason", .text, "As it was given; null: none was.", nullable: true),
            .init("state", .choice(["posted", "cancelled"]), "As it is now."),
            .init("remaining", .integer, "What uses have left of an earning.", optional: true),
            .init("createdAt", .time, "When it was accepted."),
            .init("expiresAt", .time, "When an earning expires; null: never, and of a use.", nullable: true),
            .init(
                "partOfCheckout", .flag, "True if it is cancelled only with its checkout, else missing.",
                optional: true),
        ])

    static let balanceShape = ObjectShape(
        "PostedPointTransaction", "A transaction, and the user's points after it.",
        adding: [.init("balance", .integer, "The user's points now.")], to: shape)

    func write(to json: inout JSONWriter, withBalance: Bool) {
        json.begin()
        json.key("transactionId")
        json.operation(id)
        json.key("userId")
        json.user(user)
        json.key("kind")
        json.plain(kind == .earning ? "earn" : "use")
        json.key("amount")
        json.number(UInt64(amount))
        json.key("reason")
        if reason.isEmpty { json.null() } else { json.text(reason) }
        json.key("state")
        json.plain(state == .cancelled ? "cancelled" : "posted")
        if let remaining {
            json.key("remaining")
            json.number(UInt64(remaining))
        }
        json.key("createdAt")
        json.time(createdAtMs)
        json.key("expiresAt")
        json.time(expiresAtMs)
        if isPartOfCheckout {
            json.key("partOfCheckout")
            json.flag(true)
        }
        if withBalance {
            json.key("balance")
            json.number(balance)
        }
        json.end()
    }
}

extension PointBalance {
    static let expiryShape = ObjectShape(
        "PointExpiry", "Points that expire together.",
        [.init("amount", .integer, "Points."), .init("at", .time, "When.")])

    static let shape = ObjectShape(
        "PointBalance", "The points of a user.",
        [
            .init("userId", .userId, "Whose they are."),
            .init("balance", .integer, "Points."),
            .init("nextExpiry", .object(expiryShape), "What expires next; null: nothing.", nullable: true),
        ])

    func write(_ user: UserID, to json: inout JSONWriter) {
        json.begin()
        json.key("userId")
        json.user(user)
        json.key("balance")
        json.number(points)
        json.key("nextExpiry")
        if let nextExpiry {
            json.begin()
            json.key("amount")
            json.number(nextExpiry.amount)
            json.key("at")
            json.time(nextExpiry.atMs)
            json.end()
        } else {
            json.null()
        }
        json.end()
    }
}

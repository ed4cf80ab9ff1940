import Protocol

// Entries and results of points, from the fields of a golden frame.

extension EarnEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            transactionId: try fields.takeId("transactionId"), userId: try fields.takeId("userId"),
            expiresAtMs: try fields.take("expiresAtMs"), amount: try fields.take("amount"),
            reason: try fields.takeReason())
    }
}

extension UsePointsEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            transactionId: try fields.takeId("transactionId"), userId: try fields.takeId("userId"),
            amount: try fields.take("amount"), reason: try fields.takeReason())
    }
}

extension PointResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            amount: try fields.take("amount"), balance: try fields.take("balance"),
            createdAtMs: try fields.take("createdAtMs"), expiresAtMs: try fields.take("expiresAtMs"))
    }
}

extension TransactionIdEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(transactionId: try fields.takeId("transactionId")) }
}

extension TransactionViewResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            amount: try fields.take("amount"), transactionId: try fields.takeId("transactionId"),
            userId: try fields.takeId("userId"), kind: try fields.take("kind"),
            remaining: try fields.take("remaining"), createdAtMs: try fields.take("createdAtMs"),
            expiresAtMs: try fields.take("expiresAtMs"), balance: try fields.take("balance"),
            reason: try fields.takeReason())
    }
}

extension UserEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(userId: try fields.takeId("userId")) }
}

extension BalanceResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), lots: try fields.take("lots"), balance: try fields.take("balance"),
            nextExpiryMs: try fields.take("nextExpiryMs"),
            nextExpiryAmount: try fields.take("nextExpiryAmount"))
    }
}

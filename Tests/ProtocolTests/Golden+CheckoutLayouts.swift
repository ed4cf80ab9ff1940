import Protocol
import TestSupport

// Checkouts from the fields of a golden frame.

extension GoldenFields {
    /// Places as a text such as `1001:2 1002:1`.
    mutating func takeLines(_ field: String) throws -> CheckoutLines {
        let lines = try takeText(field).split(separator: " ").map { line in
            let words = line.split(separator: ":")
            guard words.count == 2, let sale = UInt64(words[0]), let quantity = UInt32(words[1]) else {
                throw Missing(field: field)
            }
            return CheckoutLine(saleId: sale, quantity: quantity)
        }
        guard let places = CheckoutLines(lines) else { throw Missing(field: field) }
        return places
    }
}

extension PlaceCheckoutEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            checkoutId: try fields.takeId("checkoutId"), userId: try fields.takeId("userId"),
            couponId: try fields.takeId("couponId"), earnExpiresAtMs: try fields.take("earnExpiresAtMs"),
            usePoints: try fields.take("usePoints"), earnPoints: try fields.take("earnPoints"),
            lineCount: try fields.take("lineCount"), lines: try fields.takeLines("lines"))
    }
}

extension CheckoutIdEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(checkoutId: try fields.takeId("checkoutId")) }
}

extension CheckoutResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), failedAt: CheckoutPart(rawValue: try fields.take("failedAt")),
            checkoutId: try fields.takeId("checkoutId"))
        head.state = try fields.take("state")
        head.flags = try fields.take("flags")
        head.orderCount = try fields.take("orderCount")
        head.userId = try fields.takeId("userId")
        head.couponId = try fields.takeId("couponId")
        head.subtotal = try fields.take("subtotal")
        head.discount = try fields.take("discount")
        head.toPay = try fields.take("toPay")
        head.createdAtMs = try fields.take("createdAtMs")
        head.expiresAtMs = try fields.take("expiresAtMs")
        head.earnExpiresAtMs = try fields.take("earnExpiresAtMs")
        head.pointsUsed = try fields.take("pointsUsed")
        head.pointsEarned = try fields.take("pointsEarned")
        orders = try fields.takeLines("orders")
    }
}

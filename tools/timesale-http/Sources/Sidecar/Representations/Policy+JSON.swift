import TimesaleClient

extension PolicyState {
    var name: StaticString {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .exhausted: "exhausted"
        case .ended: "ended"
        case .closed: "closed"
        }
    }

    static let names = allCases.map { "\($0.name)" }
}

extension Policy {
    static let shape = ObjectShape(
        "CouponPolicy", "How many coupons there are, for whom, when, and what each is worth.",
        [
            .init("id", .offerId, "The policy."),
            .init("name", .text, "For people."),
            .init("state", .choice(PolicyState.names), "As it is now."),
            .init("quantity", .integer, "All coupons that there may be."),
            .init("issued", .integer, "Coupons that users have, used or not."),
            .init("used", .integer, "Those of the issued ones that are used now."),
            .init("remaining", .integer, "Coupons that are durably free."),
            .init("perUserLimit", .integer, "Coupons for one user; 0: no limit."),
            .init("discountType", .choice(["fixed", "percent"]), "What discountValue means."),
            .init("discountValue", .integer, "An amount, or a percentage."),
            .init("maxDiscount", .integer, "The most that it takes off; null: no cap.", nullable: true),
            .init("minPurchase", .integer, "The least purchase; null: any.", nullable: true),
            .init("validFrom", .time, "From when on coupons are issued."),
            .init("validUntil", .time, "Until when they are issued and valid; null: for ever.", nullable: true),
        ])

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("id")
        json.id(id.rawValue)
        json.key("name")
        json.text(name)
        json.key("state")
        json.plain(state.name)
        json.key("quantity")
        json.number(quantity)
        json.key("issued")
        json.number(issued)
        json.key("used")
        json.number(used)
        json.key("remaining")
        json.number(remaining)
        json.key("perUserLimit")
        json.number(UInt64(perUserLimit ?? 0))
        json.key("discountType")
        let value: UInt64
        switch discount {
        case .fixed(let amount):
            json.plain("fixed")
            value = amount
        case .percent(let percentage):
            json.plain("percent")
            value = percentage
        }
        json.key("discountValue")
        json.number(value)
        json.key("maxDiscount")
        json.number(maxDiscount)
        json.key("minPurchase")
        json.number(minPurchase)
        json.key("validFrom")
        // 0 stands for "at once".
        json.time(validFromMs == 0 ? createdAtMs : validFromMs)
        json.key("validUntil")
        json.time(validUntilMs)
        json.end()
    }
}

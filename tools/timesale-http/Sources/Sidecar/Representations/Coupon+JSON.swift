import TimesaleClient

extension CouponState {
    var name: StaticString {
        switch self {
        case .issued: "issued"
        case .used: "used"
        case .expired: "expired"
        }
    }

    static let names = allCases.map { "\($0.name)" }
}

extension Coupon {
    static let shape = ObjectShape(
        "Coupon", "A coupon of a user.",
        [
            .init("couponId", .uuid, "The coupon."),
            .init("policyId", .offerId, "Its policy."),
            .init("userId", .userId, "Whose it is."),
            .init("state", .choice(CouponState.names), "As it is now."),
            .init("issuedAt", .time, "When the user got it."),
            .init("usedAt", .time, "When it was used; null: it is not.", nullable: true),
            .init("orderId", .uuid, "What it was used for; null: that was not said.", nullable: true),
            .init("expiresAt", .time, "When it expires; null: never.", nullable: true),
        ])

    static let usedShape = ObjectShape(
        "UsedCoupon", "A coupon and what its use takes off.",
        adding: [.init("discount", .integer, "In the smallest unit of the currency.")], to: shape)

    func write(to json: inout JSONWriter, discount: UInt64? = nil) {
        json.begin()
        json.key("couponId")
        json.operation(id)
        json.key("policyId")
        json.id(policy.rawValue)
        json.key("userId")
        json.user(user)
        json.key("state")
        json.plain(state.name)
        json.key("issuedAt")
        json.time(issuedAtMs)
        json.key("usedAt")
        json.time(use?.atMs)
        json.key("orderId")
        if let order = use?.order { json.operation(order) } else { json.null() }
        json.key("expiresAt")
        json.time(expiresAtMs)
        if let discount {
            json.key("discount")
            json.number(discount)
        }
        json.end()
    }
}

import Protocol

/// What a policy says of a purchase. An amount that is nil was not given.
extension OfferTerms {
    /// Whether a purchase is as large as the policy asks for.
    func allows(purchase amount: UInt64?) -> Bool { minPurchase == 0 || (amount ?? 0) >= minPurchase }

    /// The discount on a purchase, rounded down; never more than the amount. Of an amount that is not given a
    /// percentage is nothing.
    func discount(on amount: UInt64?) -> UInt64 {
        let discount: UInt64
        switch discountKind {
        case .fixed: discount = min(value, amount ?? value)
        case .percent:
            // At most 100 hundredths of it: the quotient fits.
            discount = UInt64(100).dividingFullWidth((amount ?? 0).multipliedFullWidth(by: value)).quotient
        }
        return maxDiscount == 0 ? discount : min(discount, maxDiscount)
    }
}

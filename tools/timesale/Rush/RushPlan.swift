import TimesaleClient

/// Who rushes for what.
struct RushPlan {
    var sale: Sale
    /// Whether the sale was made for this rush: then nobody else orders from it, and its counts tell all.
    var isOwnSale: Bool
    var buyers: Int
    /// Units that each buyer wants.
    var quantity: UInt32
    /// The users are this number and those that follow.
    var firstUser: UInt64
    /// The buyers come evenly over this time; zero: all at once.
    var over: Duration

    /// Buyers that want an answer at the same time; the others follow as answers come.
    static let atOnceMax = 20_000
    /// For how long a buyer asks again where there is no answer.
    static let patience = Duration.seconds(30)

    /// A fifth more than get something.
    static func buyers(for units: UInt64, quantity: UInt32) -> Int {
        let served = units / UInt64(max(1, quantity))
        return Int(clamping: min(1_000_000, max(1, served + (served + 4) / 5)))
    }

    func request(buyer: Int) -> OrderRequest {
        OrderRequest(sale: sale.id, user: UserID(firstUser &+ UInt64(buyer)), quantity: quantity)
    }
}

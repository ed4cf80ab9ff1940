import TimesaleClient

// Durable events as the tool shows them. The names of the JSON fields are those of "wal-replay dump"; a number that
// was not given is 0 there, and here.
extension TailEvent {
    var json: JSON {
        var fields = position.fields
        fields += [("shard", .integer(shard)), ("kind", .string(what.kind)), ("timeMs", .integer(timeMs))]
        fields += what.fields
        return .object(fields)
    }

    /// On one line.
    func text(_ style: Style) -> String {
        let fields = what.fields.map { " \($0.0)=\($0.1.plainText)" }.joined()
        let place = style.paint("\(position)", .dim)
        return "\(place) \(Timestamp.text(ms: timeMs)) \(style.paint(what.kind, .bold))\(fields)"
    }
}

extension TailPosition {
    fileprivate var fields: [(String, JSON)] {
        var fields: [(String, JSON)] = [("position", .id(self))]
        fields.append(("sequence", JSON.integer(self.sequence)))
        if let index { fields.append(("index", JSON.integer(index))) }
        return fields
    }

    /// A line that says no more than how far it is.
    var json: JSON {
        var fields = fields
        fields.append(("kind", .string("position")))
        return .object(fields)
    }

    func text(_ style: Style) -> String { style.paint("\(self) position", .dim) }
}

extension JSON {
    /// Without the quotes that only JSON needs.
    fileprivate var plainText: String {
        switch self {
        case .string(let text) where Self.isWord(text): text
        case .array(let values): values.map(\.plainText).joined(separator: ",")
        default: text
        }
    }

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
    }

    fileprivate static func id(_ id: some CustomStringConvertible) -> JSON { .string("\(id)") }

    fileprivate static func orZero(_ value: (some BinaryInteger)?) -> JSON {
        value.map { .integer($0) } ?? .integer(0)
    }
}

extension LoggedEvent {
    /// As in the log's description.
    var kind: String {
        switch self {
        case .orderPlaced: "orderPlaced"
        case .orderConfirmed: "orderConfirmed"
        case .orderCancelled: "orderCancelled"
        case .orderExpired: "orderExpired"
        case .orderExtended: "orderExtended"
        case .tombstonePlaced: "tombstonePlaced"
        case .holdsGraced: "holdsGraced"
        case .pointsEarned: "pointsEarned"
        case .pointsUsed: "pointsUsed"
        case .transactionCancelled: "transactionCancelled"
        case .transactionReasoned: "transactionReasoned"
        case .couponIssued: "couponIssued"
        case .couponUsed: "couponUsed"
        case .couponRestored: "couponRestored"
        case .checkoutPlaced: "checkoutPlaced"
        case .checkoutConfirmed: "checkoutConfirmed"
        case .checkoutCancelled: "checkoutCancelled"
        case .checkoutExpired: "checkoutExpired"
        case .saleCreated: "saleCreated"
        case .saleRestocked: "saleRestocked"
        case .saleClosed: "saleClosed"
        case .policyCreated: "policyCreated"
        case .policyRestocked: "policyRestocked"
        case .policyClosed: "policyClosed"
        case .saleRetired: "saleRetired"
        case .policyRetired: "policyRetired"
        case .retired: "retired"
        case .unknown(let kind): "unknown\(kind)"
        }
    }

    /// What it says beside its kind and its time.
    var fields: [(String, JSON)] {
        switch self {
        case .orderPlaced(let order, let user, let sale, let quantity, let deadlineMs):
            [
                ("order", .id(order)), ("user", .id(user)), ("sale", .id(sale)), ("quantity", .integer(quantity)),
                ("deadlineMs", .orZero(deadlineMs)),
            ]
        case .orderConfirmed(let order, let isLate): [("order", .id(order)), ("late", .bool(isLate))]
        case .orderCancelled(let order), .orderExpired(let order), .tombstonePlaced(let order):
            [("order", .id(order))]
        case .orderExtended(let order, let deadlineMs):
            [("order", .id(order)), ("deadlineMs", .integer(deadlineMs))]
        case .holdsGraced(let notBeforeMs): [("notBeforeMs", .integer(notBeforeMs))]
        case .pointsEarned(let transaction, let user, let points, let expiresAtMs):
            [
                ("transaction", .id(transaction)), ("user", .id(user)), ("points", .integer(points)),
                ("expiresAtMs", .orZero(expiresAtMs)),
            ]
        case .pointsUsed(let transaction, let user, let points):
            [("transaction", .id(transaction)), ("user", .id(user)), ("points", .integer(points))]
        case .transactionCancelled(let transaction): [("transaction", .id(transaction))]
        case .transactionReasoned(let transaction, let reason):
            [("transaction", .id(transaction)), ("reason", .string(reason))]
        case .couponIssued(let coupon, let user, let policy):
            [("coupon", .id(coupon)), ("user", .id(user)), ("policy", .id(policy))]
        case .couponUsed(let use, let coupon, let order, let purchaseAmount, let discount):
            [
                ("use", .id(use)), ("coupon", .id(coupon)), ("order", order.map { .id($0) } ?? .id(Self.noOrder)),
                ("purchaseAmount", .orZero(purchaseAmount)), ("discount", .integer(discount)),
            ]
        case .couponRestored(let restore, let coupon): [("restore", .id(restore)), ("coupon", .id(coupon))]
        case .checkoutPlaced(let checkout): checkout.fields
        case .checkoutConfirmed(let checkout, let isLate): [("checkout", .id(checkout)), ("late", .bool(isLate))]
        case .checkoutCancelled(let checkout), .checkoutExpired(let checkout): [("checkout", .id(checkout))]
        case .saleCreated(let sale): sale.fields
        case .saleRestocked(let sale, let units, let operation):
            [("operation", .id(operation)), ("sale", .id(sale)), ("units", .integer(units))]
        case .policyCreated(let policy): policy.fields
        case .policyRestocked(let policy, let units, let operation):
            [("operation", .id(operation)), ("policy", .id(policy)), ("units", .integer(units))]
        case .saleClosed(let sale), .saleRetired(let sale): [("sale", .id(sale))]
        case .policyClosed(let policy), .policyRetired(let policy): [("policy", .id(policy))]
        case .retired(let record): record.fields
        case .unknown: []
        }
    }

    private static let noOrder = "00000000-0000-0000-0000-000000000000"
}

extension LoggedEvent.CheckoutPlacement {
    fileprivate var fields: [(String, JSON)] {
        var fields: [(String, JSON)] = [
            ("checkout", .id(id)), ("user", .id(user)), ("orders", .integer(orders.count)),
        ]
        if let coupon { fields.append(("coupon", .id(coupon))) }
        fields += [
            ("subtotal", .integer(subtotal)), ("discount", .integer(discount)), ("pointsUsed", .integer(pointsUsed)),
            ("pointsEarned", .integer(pointsEarned)), ("earnExpiresAtMs", .orZero(earnExpiresAtMs)),
            ("deadlineMs", .orZero(deadlineMs)), ("orderIds", .array(orders.map { JSON.id($0) })),
        ]
        return fields
    }
}

extension LoggedEvent.SaleCreation {
    fileprivate var fields: [(String, JSON)] {
        [
            ("operation", .id(operation)), ("sale", .id(id)), ("name", .string(name)), ("stock", .integer(stock)),
            ("startsAtMs", .orZero(startsAtMs)), ("endsAtMs", .orZero(endsAtMs)), ("unitPrice", .integer(unitPrice)),
            ("perUserLimit", .orZero(perUserLimit)), ("holdMs", .orZero(holdMs)),
        ]
    }
}

extension LoggedEvent.PolicyCreation {
    fileprivate var fields: [(String, JSON)] {
        let (kind, value) =
            switch discount {
            case .fixed(let amount): ("fixed", amount)
            case .percent(let percentage): ("percent", percentage)
            }
        return [
            ("operation", .id(operation)), ("policy", .id(id)), ("name", .string(name)),
            ("quantity", .integer(quantity)),
            ("validFromMs", .orZero(validFromMs)), ("validUntilMs", .orZero(validUntilMs)),
            ("discountValue", .integer(value)), ("perUserLimit", .orZero(perUserLimit)),
            ("discountKind", .string(kind)),
            ("maxDiscount", .orZero(maxDiscount)), ("minPurchase", .orZero(minPurchase)),
        ]
    }
}

extension LoggedEvent.RetiredRecord {
    fileprivate var fields: [(String, JSON)] {
        let (id, was): (JSON, String) =
            switch self {
            case .order(let id): (.id(id), "order")
            case .tombstone(let id): (.id(id), "tombstone")
            case .transaction(let id): (.id(id), "transaction")
            case .coupon(let id): (.id(id), "coupon")
            case .couponOperation(let id): (.id(id), "couponOperation")
            case .checkout(let id): (.id(id), "checkout")
            }
        return [("id", id), ("was", .string(was))]
    }
}

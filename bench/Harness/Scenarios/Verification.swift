import Generator
import Protocol

/// One thing that has to hold, and both numbers if it does not.
public struct Check: Codable, Equatable, Sendable {
    public var isKept: Bool
    public var text: String

    public init(_ isKept: Bool, kept: String, broken: String) {
        self.isKept = isKept
        text = isKept ? kept : broken
    }
}

/// Holds three witnesses of a load against each other: the replies, the server's counts, and its log.
public enum Verification {
    /// The sales of a load, or its policies, as a witness has them.
    public struct Offers: Equatable, Sendable {
        public struct Count: Equatable, Sendable {
            public var id: UInt64
            public var stock: UInt64
            /// Units that orders have, or coupons issued.
            public var taken: UInt64
            /// What is left by the witness's own count.
            public var available: UInt64

            public init(id: UInt64, stock: UInt64, taken: UInt64, available: UInt64) {
                self.id = id
                self.stock = stock
                self.taken = taken
                self.available = available
            }
        }

        public enum Kind: String, Sendable {
            case sale, policy

            /// What one of them gives.
            var units: String { self == .sale ? "units" : "coupons" }
            /// What says that nothing is left.
            var refusal: ResultCode { self == .sale ? .soldOut : .exhausted }
            /// What takes from one.
            var takers: [Operation] { self == .sale ? [.order, .placeCheckout] : [.issueCoupon] }
        }

        public var kind: Kind
        public var server: [Count]
        /// Nil: the log was not read.
        public var log: [Count]?

        public init(kind: Kind, server: [Count], log: [Count]?) {
            self.kind = kind
            self.server = server
            self.log = log
        }
    }

    /// What the replies of a load say of its sales or policies, against the other two.
    public static func checks(_ name: String, _ account: Account, _ offers: Offers) -> [Check] {
        let units = offers.kind.units
        let accepted = offers.kind.takers.reduce(0) { $0 + (account.accepted[$1] ?? 0) }
        let taken = offers.server.reduce(0) { $0 + $1.taken }
        let range = Range(accepted, unknown: account.unknown)
        var checks = [
            Check(
                range.contains(taken), kept: "\(name): \(range.text) \(units) by the replies, \(grouped(taken)) by the server",
                broken: "\(name): the replies say \(range.text) \(units), the server says \(grouped(taken))")
        ]
        checks.append(oversold(name, offers.kind, offers.server, "the server"))
        if let log = offers.log {
            checks.append(difference(name, offers.kind, offers.server, log))
            checks.append(oversold(name, offers.kind, log, "the log"))
        }
        checks.append(leftover(name, account, offers))
        return checks
    }

    private static func oversold(
        _ name: String, _ kind: Offers.Kind, _ counts: [Offers.Count], _ witness: String
    ) -> Check {
        let wrong = counts.first { $0.taken > $0.stock || $0.available != $0.stock - $0.taken }
        let broken = wrong.map {
            $0.taken > $0.stock
                ? "\(name): OVERSOLD: of \(kind) \($0.id), \(grouped($0.taken)) \(kind.units) are given by \(witness), "
                    + "and its stock is \(grouped($0.stock))"
                : "\(name): by \(witness), \(kind) \($0.id) has \(grouped($0.available)) \(kind.units) left and "
                    + "\(grouped($0.taken)) given, of \(grouped($0.stock))"
        }
        return Check(broken == nil, kept: "\(name): nothing is oversold by \(witness)", broken: broken ?? "")
    }

    private static func difference(
        _ name: String, _ kind: Offers.Kind, _ server: [Offers.Count], _ log: [Offers.Count]
    ) -> Check {
        let inLog = Dictionary(log.map { ($0.id, $0.taken) }, uniquingKeysWith: +)
        let wrong = server.first { inLog[$0.id] != $0.taken }
        let broken = wrong.map { count in
            "\(name): of \(kind) \(count.id), the server has given \(grouped(count.taken)) \(kind.units), "
                + (inLog[count.id].map { "the log says \(grouped($0))" } ?? "the log knows nothing of it")
        }
        let taken = log.reduce(0) { $0 + $1.taken }
        return Check(
            broken == nil, kept: "\(name): \(grouped(taken)) \(kind.units) in the log, as the server says",
            broken: broken ?? "")
    }

    /// Who was refused for another reason than stock, or never heard, may have been all who wanted a unit.
    private static func leftover(_ name: String, _ account: Account, _ offers: Offers) -> Check {
        guard account.demand.count == offers.server.count else {
            return Check(false, kept: "", broken: "\(name): \(account.demand.count) demands, \(offers.server.count) offers")
        }
        let excused = account.refusedTotal - account.refused(offers.kind.refusal) + account.unknown
        var left: UInt64 = 0
        for (count, demand) in zip(offers.server, account.demand) {
            if count.taken > demand {
                return Check(
                    false, kept: "",
                    broken: "\(name): of \(offers.kind) \(count.id), \(grouped(demand)) \(offers.kind.units) were wanted, "
                        + "and \(grouped(count.taken)) are given")
            }
            left += min(count.stock, demand) - min(count.taken, count.stock, demand)
        }
        let wanted = account.demand.reduce(0, +)
        return Check(
            left <= excused, kept: "\(name): no stock was left that was wanted (\(grouped(wanted)) were)",
            broken: "\(name): UNDERSOLD: \(grouped(left)) \(offers.kind.units) are left that were wanted, and only "
                + "\(grouped(excused)) requests failed for another reason")
    }

    /// What a server counted, or a log holds, since a scenario began.
    public struct Totals: Codable, Equatable, Sendable {
        public var orders: UInt64 = 0
        public var couponsIssued: UInt64 = 0
        public var couponUses: UInt64 = 0
        public var earnings: UInt64 = 0
        public var pointUses: UInt64 = 0
        public var checkouts: UInt64 = 0

        public init() {}

        /// What replies say. A checkout of a journey is an order, the use of a coupon and of points, and an earning.
        public init(_ account: Account) {
            func accepted(_ operation: Operation) -> UInt64 { account.accepted[operation] ?? 0 }
            checkouts = accepted(.placeCheckout)
            orders = accepted(.order) + checkouts
            couponsIssued = accepted(.issueCoupon)
            couponUses = accepted(.useCoupon) + checkouts
            earnings = accepted(.earnPoints) + checkouts
            pointUses = accepted(.usePoints) + checkouts
        }

        static let fields: [(name: String, value: KeyPath<Totals, UInt64> & Sendable)] = [
            ("orders", \.orders), ("coupons issued", \.couponsIssued), ("coupons used", \.couponUses),
            ("points earned", \.earnings), ("points used", \.pointUses), ("checkouts", \.checkouts),
        ]
    }

    /// What all loads of a scenario were told, against one witness. Others may be at work on a server that is
    /// `isShared`: then it may count more.
    public static func checks(
        _ account: Account, against totals: Totals, _ witness: String, isShared: Bool = false
    ) -> [Check] {
        let told = Totals(account)
        return Totals.fields.compactMap { field in
            let range = Range(told[keyPath: field.value], unknown: account.unknown)
            let count = totals[keyPath: field.value]
            if range.upper == 0 && count == 0 { return nil }
            return Check(
                isShared ? count >= range.lower : range.contains(count),
                kept: "\(field.name): \(range.text) by the replies, \(grouped(count)) by \(witness)",
                broken: "\(field.name): the replies say \(range.text), \(witness) says \(grouped(count))")
        }
    }

    /// Points that all users together have, against what replies to earnings and uses come to.
    public static func check(points balance: UInt64, expected: ClosedRange<Int64>) -> Check {
        let range =
            expected.lowerBound == expected.upperBound
            ? grouped(expected.lowerBound) : "\(grouped(expected.lowerBound)) to \(grouped(expected.upperBound))"
        return Check(
            expected.contains(Int64(clamping: balance)),
            kept: "points: \(range) left by the replies, \(grouped(balance)) in the balances of all users",
            broken: "points: the replies say that \(range) are left, the balances of all users say \(grouped(balance))")
    }

    /// Coupons in the lists of all users, against the replies to their issuing.
    public static func check(couponsListed listed: UInt64, _ account: Account) -> Check {
        let range = Range(account.accepted[.issueCoupon] ?? 0, unknown: account.unknown)
        return Check(
            range.contains(listed),
            kept: "coupons: \(range.text) by the replies, \(grouped(listed)) in the lists of all users",
            broken: "coupons: the replies say \(range.text), the lists of all users hold \(grouped(listed))")
    }

    /// What replies leave open.
    private struct Range {
        let lower: UInt64
        let upper: UInt64

        init(_ accepted: UInt64, unknown: UInt64) {
            lower = accepted
            upper = accepted + unknown
        }

        func contains(_ count: UInt64) -> Bool { count >= lower && count <= upper }
        var text: String { lower == upper ? grouped(lower) : "\(grouped(lower)) to \(grouped(upper))" }
    }
}

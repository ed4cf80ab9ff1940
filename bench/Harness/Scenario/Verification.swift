import Generator
import Protocol

/// Whether three sides tell the same of a run: the replies that came, the server's own counts, and its log.
public struct Verification: Encodable, Sendable {
    /// How many operations of one kind there were, as each side has it.
    public struct Count: Codable, Equatable, Sendable {
        public var what: String
        /// Reported as done.
        public var replies: UInt64
        /// May have been done beyond that: their replies never came.
        public var unknown: UInt64
        public var server: UInt64
        /// nil: the log was not read.
        public var log: UInt64?

        public init(what: String, replies: UInt64, unknown: UInt64 = 0, server: UInt64, log: UInt64?) {
            self.what = what
            self.replies = replies
            self.unknown = unknown
            self.server = server
            self.log = log
        }

        var failures: [String] {
            var found: [String] = []
            if server < replies || server > replies + unknown {
                let said = unknown == 0 ? grouped(replies) : "\(grouped(replies)) to \(grouped(replies + unknown))"
                found.append("\(what): \(said) by the replies, but \(grouped(server)) by the server's counters")
            }
            if let log, log != server {
                found.append("\(what): \(grouped(server)) by the server's counters, but \(grouped(log)) in its log")
            }
            return found
        }
    }

    /// What was taken of a sale or a policy.
    public struct Offer: Equatable, Sendable {
        public var what: String
        public var stock: UInt64
        public var taken: UInt64
        public var left: UInt64
        public var log: UInt64?
        /// At least so many units were asked for by requests that nothing but an empty stock could refuse.
        public var demand: UInt64
        /// What one user may have, and the most that one has by the log; nil where nobody looked.
        public var limit: UInt64?
        public var most: UInt64?

        public init(what: String, stock: UInt64, taken: UInt64, left: UInt64, log: UInt64?, demand: UInt64) {
            self.what = what
            self.stock = stock
            self.taken = taken
            self.left = left
            self.log = log
            self.demand = demand
        }

        var failures: [String] {
            var found: [String] = []
            for (taken, side) in [(taken, "by the server's count"), (log ?? 0, "by the log")] where taken > stock {
                found.append("\(what) is oversold: \(grouped(taken)) of \(grouped(stock)) \(side)")
            }
            if taken <= stock && taken + left != stock {
                found.append(
                    "\(what): \(grouped(taken)) taken and \(grouped(left)) left are not the \(grouped(stock)) "
                        + "that there were")
            }
            if left > 0 && demand >= stock {
                found.append(
                    "\(what): \(grouped(left)) of \(grouped(stock)) are left over, although at least "
                        + "\(grouped(demand)) were asked for")
            }
            if let log, log != taken {
                found.append("\(what): \(grouped(taken)) taken by the server's count, but \(grouped(log)) in its log")
            }
            if let limit, let most, most > limit {
                found.append("\(what): one user has \(grouped(most)) by the log, and may have \(grouped(limit))")
            }
            return found
        }
    }

    /// What one user has.
    public struct User: Equatable, Sendable {
        public var id: Id128
        public var server: Generator.UserRecords
        public var log: Generator.UserRecords?

        public init(id: Id128, server: Generator.UserRecords, log: Generator.UserRecords?) {
            self.id = id
            self.server = server
            self.log = log
        }

        var failures: [String] {
            guard let log else { return [] }
            var found: [String] = []
            if server.balance != log.balance {
                found.append(
                    "user \(id): a balance of \(grouped(server.balance)) by the server, but of \(grouped(log.balance)) "
                        + "by its log")
            }
            if server.coupons != log.coupons {
                found.append(
                    "user \(id): \(grouped(server.coupons)) coupons by the server, but \(grouped(log.coupons)) in its "
                        + "log")
            }
            return found
        }
    }

    public var counts: [Count] = []
    public var offers: [Offer] = []
    public var users: [User] = []
    /// That the log was not read, and why; nil if it was.
    public var logNote: String?

    public init() {}

    /// A sentence for each thing that does not agree.
    public var failures: [String] {
        counts.flatMap(\.failures) + offers.flatMap(\.failures) + users.flatMap(\.failures)
    }

    private enum Key: String, CodingKey { case passed, failures, counts, offersCompared, usersCompared, logNote }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(failures.isEmpty, forKey: .passed)
        try container.encode(failures, forKey: .failures)
        try container.encode(counts, forKey: .counts)
        try container.encode(offers.count, forKey: .offersCompared)
        try container.encode(users.count, forKey: .usersCompared)
        try container.encodeIfPresent(logNote, forKey: .logNote)
    }

    private static let failuresShown = 10

    /// What else holds if nothing failed.
    public var held: String {
        var parts: [String] = []
        if !offers.isEmpty {
            parts.append("\(grouped(offers.count)) sales and policies: nothing oversold, nothing wanted left over")
        }
        if logNote == nil { parts.append("\(grouped(users.count)) users: balances and coupons as in the log") }
        return parts.joined(separator: "; ")
    }

    /// Lines for a terminal.
    public var text: String {
        let (failures, sides) = (failures, logNote == nil ? "replies, server and log" : "replies and server")
        if !failures.isEmpty {
            let more = failures.count - Self.failuresShown
            return "FAILED      " + failures.prefix(Self.failuresShown).joined(separator: "\n            ")
                + (more > 0 ? "\n            and \(grouped(more)) more" : "")
        }
        let counted = counts.filter { $0.server > 0 }.map { "\(grouped($0.server)) \($0.what)" }
        let lines = ["\(counted.joined(separator: ", ")): \(sides) agree", held, logNote ?? ""]
        return "verified    " + lines.filter { !$0.isEmpty }.joined(separator: "\n            ")
    }
}

extension Verification {
    /// Of one phase: what it was to do, and what it says it did.
    struct Load {
        var plan: LoadPlan
        var account: Account
    }

    /// Asks the server of a run, and holds it against the replies; and against the log, as far as that is known.
    init(
        _ loads: [Load], credited: UInt64, before: [ShardStatsResult], plan: LoadPlan, users: [Id128],
        readLog: (LogTally.Scope) throws -> LogTally?
    ) throws {
        let after = try Generator.statisticsNow(plan)
        func counted(_ field: KeyPath<ShardStatsResult, UInt64>) -> UInt64 {
            after.reduce(0) { $0 &+ $1[keyPath: field] } &- before.reduce(0) { $0 &+ $1[keyPath: field] }
        }
        var scope = LogTally.Scope()
        scope.users = users
        for load in loads where load.plan.perUserLimit != nil {
            if load.plan.workload.records.orders > 0 { scope.limitedSales.formUnion(load.plan.saleIds) }
            if load.plan.workload.records.coupons > 0 { scope.limitedPolicies.formUnion(load.plan.saleIds) }
        }
        let answers = try Generator.records(plan, of: users)
        var offers: [Offer] = []
        var (sales, policies): ([SaleResult], [PolicyResult]) = ([], [])
        for load in loads {
            let records = load.plan.workload.records
            if records.orders > 0 { sales += try Generator.sales(plan, load.plan.saleIds) }
            if records.coupons > 0 { policies += try Generator.policies(plan, load.plan.saleIds) }
        }
        let log = try readLog(scope)

        var total = Account()
        for load in loads { total.add(load.account) }
        func replies(_ operations: Operation...) -> UInt64 {
            operations.reduce(0) { $0 + (total.accepted[$1] ?? 0) }
        }
        counts = [
            ("orders", replies(.order, .placeCheckout), \ShardStatsResult.ordersAccepted, log?.orders),
            ("checkouts", replies(.placeCheckout), \.checkoutsPlaced, log?.checkouts),
            ("coupons", replies(.issueCoupon), \.couponsIssued, log?.couponsIssued),
            ("uses of coupons", replies(.useCoupon, .placeCheckout), \.couponUses, log?.couponUses),
            ("earnings", credited + replies(.earnPoints, .placeCheckout), \.pointEarnings, log?.earnings),
            ("uses of points", replies(.usePoints, .placeCheckout), \.pointUses, log?.uses),
        ].map { what, replies, field, log in
            Count(what: what, replies: replies, unknown: total.unknown, server: counted(field), log: log)
        }
        var demand: [UInt64: UInt64] = [:]
        var limit: [UInt64: UInt64] = [:]
        for load in loads {
            for (index, id) in load.plan.saleIds.enumerated() {
                demand[id] = load.account.demandMin(index)
                limit[id] = load.plan.perUserLimit.map(UInt64.init)
            }
        }
        for sale in sales {
            var offer = Offer(
                what: "sale \(sale.saleId)", stock: sale.stock, taken: sale.held + sale.sold, left: sale.available,
                log: log.map { $0.unitsOfSale[sale.saleId] ?? 0 }, demand: demand[sale.saleId] ?? 0)
            (offer.limit, offer.most) = (limit[sale.saleId], log?.mostOfSale[sale.saleId])
            offers.append(offer)
        }
        for policy in policies {
            var offer = Offer(
                what: "policy \(policy.policyId)", stock: policy.quantity, taken: policy.issued,
                left: policy.remaining, log: log.map { $0.couponsOfPolicy[policy.policyId] ?? 0 },
                demand: demand[policy.policyId] ?? 0)
            (offer.limit, offer.most) = (limit[policy.policyId], log?.mostOfPolicy[policy.policyId])
            offers.append(offer)
        }
        self.offers = offers
        self.users = zip(users, answers).map { id, answer in User(id: id, server: answer, log: log?.users[id]) }
    }
}

extension Account {
    /// Refusals that say that there is nothing left.
    static let ofEmptyStock: Set<UInt16> = [ResultCode.soldOut.rawValue, ResultCode.exhausted.rawValue]

    /// How many were asked for of one offer, at least, that nothing but an empty stock may have refused: any other
    /// refusal, and any lost reply, may have been one of these.
    func demandMin(_ index: Int) -> UInt64 {
        let others = refused.reduce(unknown) { Self.ofEmptyStock.contains($1.key) ? $0 : $0 + $1.value }
        return demand[index] > others ? demand[index] - others : 0
    }
}

import ArgumentParser
import TimesaleClient

extension PolicyCommands {
    /// Puts a policy into the catalogue.
    struct Create: ServerCommand {
        static let wording = Wording.policies
        static let configuration = CommandConfiguration(
            abstract: "Create a policy of coupons.",
            discussion: """
                Give --fixed or --percent. To create it once however often the command runs, give a --key and absolute \
                times: the same key with the same content is the same creation.
                """)

        @Option(help: "What the coupons are for; at most 78 bytes.")
        var name: String

        @Option(help: ArgumentHelp("Coupons, 1 to 2^40.", valueName: "n"), transform: Reading.stock)
        var quantity: UInt64

        @Option(
            help: ArgumentHelp(
                "Each takes off this amount, in the smallest unit of the currency.", valueName: "amount"),
            transform: Reading.amount)
        var fixed: UInt64?

        @Option(
            help: ArgumentHelp("Each takes off this percentage of the purchase, 1 to 100.", valueName: "n"),
            transform: { try Reading.number($0, in: 1...100) })
        var percent: UInt64?

        @Option(
            help: ArgumentHelp("The most that one takes off. (default: no cap)", valueName: "amount"),
            transform: Reading.amount)
        var maxDiscount: UInt64?

        @Option(
            help: ArgumentHelp(
                "The least purchase that one is good for. (default: any)", valueName: "amount"),
            transform: Reading.amount)
        var minPurchase: UInt64?

        @Option(
            help: ArgumentHelp("Coupons that one user gets; 0: no limit.", valueName: "n"),
            transform: { try Reading.number($0, in: 0...UInt32.max) })
        var perUserLimit: UInt32 = 1

        @Option(
            help: ArgumentHelp("Its number, never to be used again. (default: drawn)", valueName: "n"),
            transform: Reading.policy)
        var id: PolicyID?

        @Option(
            help: ArgumentHelp(
                "When issuing begins: 2026-11-27T10:00:00Z, or +10s from now. (default: at once)",
                valueName: "time"),
            transform: Reading.moment)
        var validFrom: Moment?

        @Option(
            help: ArgumentHelp(
                "When issuing ends and coupons expire: the same, or +30d. (default: never)", valueName: "time"
            ),
            transform: Reading.moment)
        var validUntil: Moment?

        @OptionGroup var repeating: OperationOptions

        @OptionGroup var common: CommonOptions

        func validate() throws {
            guard (fixed == nil) != (percent == nil) else {
                throw ValidationError("what is a coupon worth? Give one of --fixed and --percent")
            }
            if repeating.isGiven, validFrom?.isRelative == true || validUntil?.isRelative == true {
                throw ValidationError(
                    "--operation-id repeats a creation exactly, and +... is another time at each run: "
                        + "give absolute times")
            }
        }

        func run(_ session: Session) async throws {
            let operation = repeating.operation(path: "/v1/coupon-policies")
            var new = NewPolicy(
                id: id ?? .drawn(from: operation), name: name, quantity: quantity,
                discount: fixed.map { .fixed($0) } ?? .percent(percent ?? 0), maxDiscount: maxDiscount,
                minPurchase: minPurchase, perUserLimit: perUserLimit == 0 ? nil : perUserLimit)
            if let validFrom { new.validFromMs = try await session.ms(validFrom) }
            if let validUntil { new.validUntilMs = try await session.ms(validUntil) }
            let wanted = new
            let policy = try await session.change(again: Self.words(wanted, operation)) {
                () throws(TimesaleError) in
                try await session.client.createPolicy(wanted, operation: operation)
            }
            session.output.show(
                json: policy.jsonOfChange.adding([("operationId", .string("\(operation)"))]),
                text: policy.text(session.output.style))
            session.output.remark(
                (policy.isRepeat ? "It had been created before; nothing was done.\n" : "")
                    + "Issue one: \(session.command(["coupon", "issue", "\(policy.id)", "--user", "42"]))\n")
        }

        /// The command that creates just this.
        private static func words(_ policy: NewPolicy, _ operation: OperationID) -> [String] {
            var words = [
                "coupon", "policy", "create", "--name", policy.name, "--quantity", "\(policy.quantity)",
                "--id",
                "\(policy.id)", "--\(policy.discount.name)", "\(policy.discount.value)",
            ]
            if let most = policy.maxDiscount { words += ["--max-discount", "\(most)"] }
            if let least = policy.minPurchase { words += ["--min-purchase", "\(least)"] }
            words += ["--per-user-limit", "\(policy.perUserLimit ?? 0)"]
            if let validFromMs = policy.validFromMs {
                words += ["--valid-from", Timestamp.text(ms: validFromMs)]
            }
            if let validUntilMs = policy.validUntilMs {
                words += ["--valid-until", Timestamp.text(ms: validUntilMs)]
            }
            return words + ["--operation-id", "\(operation)"]
        }
    }
}

extension PolicyID {
    /// Drawn as that of a sale.
    static func drawn(from operation: OperationID) -> PolicyID {
        PolicyID(SaleID.drawn(from: operation).rawValue)
    }
}

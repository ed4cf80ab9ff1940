import ArgumentParser
import TimesaleClient

extension PolicyCommands {
    /// Adds coupons to a policy.
    struct Restock: ServerCommand {
        static let wording = Wording.policies
        static let configuration = CommandConfiguration(abstract: "Add coupons to a policy.")

        @Argument(help: ArgumentHelp("The policy.", valueName: "policy"), transform: Reading.policy)
        var policy: PolicyID

        @Argument(help: ArgumentHelp("Coupons to add, 1 to 2^40.", valueName: "n"), transform: Reading.stock)
        var quantity: UInt64

        @OptionGroup var repeating: OperationOptions

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let operation = repeating.operation(path: "/v1/coupon-policies/\(policy)/restock")
            let words = [
                "coupon", "policy", "restock", "\(policy)", "\(quantity)", "--operation-id", "\(operation)",
            ]
            let policy = try await session.change(again: words) { () throws(TimesaleError) in
                try await session.client.restockPolicy(self.policy, quantity: quantity, operation: operation)
            }
            session.output.show(
                json: policy.jsonOfChange.adding([("operationId", .string("\(operation)"))]),
                text: policy.text(session.output.style))
            if policy.isRepeat {
                session.output.remark("It had been restocked so before; nothing was done.\n")
            }
        }
    }
}

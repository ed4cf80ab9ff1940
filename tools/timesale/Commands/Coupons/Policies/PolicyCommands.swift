import ArgumentParser

/// `timesale coupon policy ...`
struct PolicyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Policies of coupons: create, list, get, restock, close.",
        subcommands: [Create.self, List.self, Get.self, Restock.self, Close.self])
}

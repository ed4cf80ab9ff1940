import ArgumentParser

/// The root of the command line. A module is a command of its own with subcommands, such as `timesale coupon ...`.
struct Timesale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timesale",
        abstract: "Talks to a timesale server: flash sales, coupons, points, checkouts, and what it is doing.",
        discussion: """
            Begin with these, while a server runs (make run):

              timesale rush                             a flash sale, in ten seconds
              timesale create --name Lamps --stock 10   a sale of your own; prints its id
              timesale order SALE --user 42             one unit of it for user 42

            \(ExitStatus.table)

            With --json all of a command's answer, errors included, is JSON on standard output; an object with \
            "code" is an error.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "See one",
                subcommands: [Rush.self, Watch.self]),
            CommandGroup(
                name: "Sales",
                subcommands: [Create.self, List.self, Get.self, Restock.self, Close.self, ImportRedis.self]),
            CommandGroup(
                name: "Orders",
                subcommands: [PlaceOrder.self, Confirm.self, Cancel.self, Extend.self, Orders.self]),
            CommandGroup(
                name: "Promotions",
                subcommands: [CouponCommands.self, PointCommands.self, CheckoutCommands.self]),
            CommandGroup(
                name: "Server",
                subcommands: [Stats.self, Ping.self, Tail.self, TakeSnapshot.self]),
        ])
}

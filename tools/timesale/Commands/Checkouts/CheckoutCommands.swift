import ArgumentParser

/// `timesale checkout ...`
struct CheckoutCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkout",
        abstract: "Checkouts: several sales, a coupon and points at once, all or nothing.",
        discussion: """
            A checkout takes units of up to 16 sales for a user, and if wanted uses a coupon and points, and credits \
            points when it is confirmed: all of it, or nothing. It is held, confirmed and cancelled as a whole, and \
            so are its orders.

              timesale checkout place 1001:2 1002 --user 42 --coupon COUPON
              timesale checkout confirm CHECKOUT
              timesale checkout cancel CHECKOUT
            """,
        subcommands: [Place.self, Confirm.self, Cancel.self, Get.self])
}

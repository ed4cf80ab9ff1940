import ArgumentParser

/// `timesale coupon ...`
struct CouponCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coupon",
        abstract: "Coupons: issue, use, restore, and the policies that say what they are worth.",
        discussion: """
            A policy says how many coupons there are, for whom, when, and what each is worth; a coupon of it is issued \
            to a user, and used for a purchase.

              timesale coupon policy create --name "Ten off" --quantity 100 --percent 10
              timesale coupon issue POLICY --user 42
              timesale coupon use COUPON --user 42 --amount 12000
            """,
        subcommands: [PolicyCommands.self, Issue.self, Use.self, Restore.self, Get.self, List.self])
}

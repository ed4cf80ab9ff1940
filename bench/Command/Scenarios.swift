import ArgumentParser
import Harness

// The load tests of a promotion, one command each.

struct TimeSale: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timesale", abstract: "A time sale: sold out by a rush, then orders at speed.",
        discussion: """
            First --buyers buyers at once ask for three times the stock: all of a sale that was asked for often enough \
            has to be sold, and not one unit more, at most two to each user. Then orders of sales with stock above any \
            demand, as fast as they come back, or at --rate.

            Afterwards the replies, what the server says, and its log have to tell the same. Exits with 0; with 1 if \
            they do not, or the run failed; with 2 if a threshold was missed; with 64 for a wrong flag.
            """)
    @OptionGroup var options: ScenarioOptions
    mutating func run() throws { try options.run("timesale", [.timesale]) }
}

struct Coupon: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Coupons: the first to come get one, then issues and lists at speed.",
        discussion: "As `bench timesale`: a rush on each policy, then coupons at speed, then pages of users' coupons.")
    @OptionGroup var options: ScenarioOptions
    mutating func run() throws { try options.run("coupon", [.coupon]) }
}

struct Point: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Points: earned, balances, used.",
        discussion: "As `bench timesale`, without a rush: nothing of it runs out.")
    @OptionGroup var options: ScenarioOptions
    mutating func run() throws { try options.run("point", [.point]) }
}

struct Full: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A user's whole journey: coupon, points, order; then the same as one checkout.",
        discussion: """
            Each journey is a chain of requests, each sent when the one before was accepted: issue a coupon, earn \
            points, order, use the coupon for it, use points. Then: issue a coupon, earn points, and one checkout that \
            orders, uses both and earns. Rates and latencies are those of whole journeys.
            """)
    @OptionGroup var options: ScenarioOptions
    mutating func run() throws { try options.run("full", [.full]) }
}

struct All: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "timesale, coupon, point and full, each on a server of its own.")
    @OptionGroup var options: ScenarioOptions
    mutating func run() throws { try options.run("all", Scenario.all) }
}

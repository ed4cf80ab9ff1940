import ArgumentParser

/// `timesale point ...`
struct PointCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "point",
        abstract: "Points: earn, use, cancel, balance, history, campaigns.",
        discussion: """
            What a user earns can be used, the points that expire first before others. Each earning and each use is a \
            transaction with an id, which is printed and can be cancelled.

              timesale point earn 500 --user 42 --reason welcome --expires-at +30d
              timesale point use 120 --user 42
              timesale point balance --user 42
            """,
        subcommands: [
            Earn.self, Use.self, Cancel.self, Get.self, Balance.self, History.self, EarnBatch.self,
        ])
}

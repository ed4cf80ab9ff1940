import ArgumentParser

/// How much of a list is shown.
struct PageOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp("How many at most, 1 to 1000.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...1000) })
    var limit = 20

    @Flag(help: "All there are.")
    var all = false
}

import ArgumentParser
import Glibc
import TimesaleClient

/// Prints what happens on the server, from a position on.
struct Tail: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happens on the server, one durable event a line.",
        discussion: """
            Every event of every shard once, in one order, from behind a position on; and then what comes. It goes \
            on through a restart of the server. Each event has its position: give the last one that was dealt with \
            as --after, and nothing is missed or seen twice. Needs a token with the scope admin. Ctrl-C ends it, with \
            exit code 0.

            Exit code 1 and TRIMMED: what comes behind the position is not kept any more.
            """)

    @Option(
        help: ArgumentHelp(
            """
            Begin behind this position: SEQUENCE or SEQUENCE.INDEX; 0 for everything from the beginning. (default: \
            what comes from now on)
            """, valueName: "position"),
        transform: Reading.position)
    var after: TailPosition?

    @Option(
        help: ArgumentHelp("End after so many events.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...Int.max) })
    var limit: Int?

    @Flag(inversion: .prefixedNo, help: "Wait for what comes, or end with what is there now.")
    var follow = true

    @Flag(
        help: """
            Print positions, too: a line behind the events that came together, also when none did. Whoever commits \
            there commits seldom under load and soon without.
            """)
    var positions = false

    @OptionGroup var common: CommonOptions

    static let wording: [RefusalCode: String] = [
        .invalid: "the position is ahead of everything in the server's log: is it of another server?"
    ]

    func run(_ session: Session) async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await follow(session) }
                group.addTask { try await Self.watchReader() }
                try await group.next()
                group.cancelAll()
            }
        } catch is CancellationError {
            // Ctrl-C is how it ends.
        } catch TimesaleError.cancelled {}
    }

    /// Ends the process when nobody reads any more what it prints: without an event it would not notice.
    private static func watchReader() async throws {
        while !Descriptor.output.isBroken { try await Task.sleep(for: .milliseconds(500)) }
        Glibc.exit(128 + SIGPIPE)
    }

    private func follow(_ session: Session) async throws {
        let client = session.client
        let now = after == nil ? try await client.tailPosition() : nil
        let begin = after ?? now ?? .beginning
        var left = limit ?? Int.max
        let batches = client.tailBatches(after: begin, limit: min(left, 1000), follows: follow)
        for try await batch in batches {
            let events = batch.events.prefix(left)
            left -= events.count
            let isWhole = events.count == batch.events.count
            let position = isWhole ? batch.position : events.last!.position
            // All that came together at once: a line each would be a system call each.
            var lines = events.map { session.output.isJSON ? $0.json.text : $0.text(session.output.style) }
            if positions {
                lines.append(session.output.isJSON ? position.json.text : position.text(session.output.style))
            }
            if !lines.isEmpty { Descriptor.output.write(lines.joined(separator: "\n") + "\n") }
            if left == 0 { return }
        }
    }
}

import ArgumentParser
import Engine
import Log
import Protocol

/// Replays the log into memory and says what the state is, or was.
struct State: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Says what the state is or was: sales, policies, orders; one user; the history of an order; the digest.",
        discussion: """
            Replays into memory, at most as far as --until says. \(HistoryPoint.help) The state at a time is that of \
            all blocks that had been written by then.

            The digest is that of the whole state: "timesale snapshot --json" of a server has the same for the same \
            sequence, whatever its number of shards.

              wal-replay state DIR --until 2026-11-27T10:00:30Z
              wal-replay state DIR --user 42
              wal-replay state DIR --order 019b76da-a800-7457-8000-000000000002
            """)

    @OptionGroup var argument: DirectoryArgument

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("The state as it was then: TIME or SEQ. (default: now)", valueName: "point"))
    var until: HistoryPoint?

    @Option(
        help: ArgumentHelp("Show a user's orders, coupons and points: a whole number or a UUID.", valueName: "user")
    )
    var user: IdArgument?

    @Option(
        name: [.customLong("order"), .customLong("id")],
        help: ArgumentHelp(
            "Show the history of an order, and what it is then; of a checkout, coupon or transaction likewise.",
            valueName: "uuid"))
    var id: IdArgument?

    func run() throws {
        let storage = try argument.open()
        let state = try StateAt.load(storage, until: until)
        let catalogue = Catalogue(state)
        var output = Output()
        defer { output.flush() }
        let ordersByState = state.ordersByState()
        let userReport = user.map { UserReport(state, user: $0.id) }
        let history = try id.map { try History(storage, state, id: $0.id) }
        if json {
            var line = JsonLine()
            line.raw("sales", JsonLine.array(catalogue.sales.map(\.json)))
            line.raw("policies", JsonLine.array(catalogue.policies.map(\.json)))
            var states = JsonLine()
            for (state, count) in zip(Self.states, ordersByState) { states.add("\(state)", count) }
            line.raw("orders", states.closed)
            line.add("tombstones", state.replay.engines[0].tombstonesKept)
            line.add("sequence", state.sequence)
            if let removed = state.removed { line.raw("removed", removed.json) }
            line.add("timeMs", state.nowMs)
            line.add("digest", hexadecimal(state.replay.engines[0].digest()))
            if let userReport { line.raw("user", userReport.json) }
            if let history { line.raw("history", history.json) }
            output.line(line.closed)
            return
        }
        // Who asks for one thing wants to see that.
        if userReport == nil && history == nil {
            for sale in catalogue.sales { output.line(sale.text) }
            for policy in catalogue.policies { output.line(policy.text) }
            let counts = zip(Self.states, ordersByState).map { "\($0) \($1)" }.joined(separator: ", ")
            output.line("orders: \(ordersByState.reduce(0, +)), of which \(counts)")
            output.line("tombstones: \(state.replay.engines[0].tombstonesKept)")
        }
        for line in (userReport?.lines ?? []) + (history?.lines ?? []) { output.line(line) }
        output.line("sequence: \(state.sequence)")
        if let removed = state.removed {
            output.line(
                "a repair has removed the blocks of sequences \(removed.from) to \(removed.until): this is the state "
                    + "before them")
        }
        output.line("time: \(timeText(state.nowMs))")
        output.line("digest: \(hexadecimal(state.replay.engines[0].digest()))")
    }

    private static let states: [OrderState] = [.held, .confirmed, .cancelled, .expired]
}

extension StateAt {
    /// How many orders are held, confirmed, cancelled, expired.
    func ordersByState() -> [Int] {
        var orders = [0, 0, 0, 0]
        replay.engines[0].keepPartitions { kind, record in
            guard kind == .orderKept else { return }
            orders[Int(record[EventField.flags] & 3)] += 1
        }
        return orders
    }
}

import ArgumentParser
import Engine
import Log
import Protocol

/// Prints events, the records of the oldest snapshot first, then the blocks of all logs by sequence.
struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints one event a line, in the order of the sequence.",
        discussion: """
            Events of one block share its sequence. Records of the snapshot that the log goes on from come first, with \
            the sequence of the snapshot and shard -1. A log that is damaged ends there; the others go on, and the \
            damage is told at the end, with exit code 1.

            Conditions of different kinds must all hold. --user, --sale, --policy and --id find also what names only \
            an order, coupon, transaction or checkout of theirs: its confirm, its expiry.

            \(HistoryPoint.help) A time is that of the event.

              wal-replay dump DIR --id 019b76da-a800-7457-8000-000000000002
              wal-replay dump DIR --json --sale 1001 --kind orderPlaced --since 2026-11-27T10:00:00Z
            """)

    @OptionGroup var argument: DirectoryArgument

    @Flag(help: "Print JSON, one object a line.")
    var json = false

    @Option(
        name: .customLong("kind"),
        help: ArgumentHelp(
            "Only events of this kind, such as orderPlaced; may be given several times. docs/log-format.md lists them.",
            valueName: "kind"))
    var kinds: [KindArgument] = []

    @Option(help: ArgumentHelp("Only what is about this sale and its orders.", valueName: "sale"))
    var sale: UInt64?

    @Option(help: ArgumentHelp("Only what is about this policy and its coupons.", valueName: "policy"))
    var policy: UInt64?

    @Option(help: ArgumentHelp("Only what is about this user: a whole number or a UUID.", valueName: "user"))
    var user: IdArgument?

    @Option(
        name: [.customLong("id"), .customLong("order")],
        help: ArgumentHelp(
            "Only what is about this order, checkout, coupon, transaction or operation.", valueName: "uuid"))
    var id: IdArgument?

    @Option(help: ArgumentHelp("Only events from here on: TIME or SEQ.", valueName: "point"))
    var since: HistoryPoint?

    @Option(help: ArgumentHelp("Only events up to here: TIME or SEQ.", valueName: "point"))
    var until: HistoryPoint?

    @Option(help: ArgumentHelp("At most so many events.", valueName: "count"))
    var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is a whole number above 0") }
    }

    func run() throws {
        let storage = try argument.open()
        var output = Output()
        defer { output.flush() }
        var filter = EventFilter(kinds: Set(kinds.map(\.kind)), since: since, until: until)
        if let sale { filter.subjects.append(EventSubject(.sale(sale))) }
        if let policy { filter.subjects.append(EventSubject(.policy(policy))) }
        if let user { filter.subjects.append(EventSubject(.user(user.id))) }
        if let id { filter.subjects.append(EventSubject(.id(id.id))) }
        var last = UInt64.max
        if case .sequence(let sequence) = until { last = sequence }
        var left = limit ?? Int.max
        do {
            var order = try EventOrder(storage, untilSequence: last)
            try order.forEach { event in
                guard filter.admits(event) else { return true }
                output.line(json ? event.json : event.text)
                left -= 1
                return left > 0
            }
            guard let first = order.faults.first else { return }
            for fault in order.faults.dropFirst() { remark("\(fault)") }
            throw first
        } catch {
            throw Refusal("\(error)")
        }
    }
}

/// A kind of event by its name.
struct KindArgument: ExpressibleByArgument {
    let kind: EventKind

    init?(argument: String) {
        guard let kind = EventKind.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self.kind = kind
    }

    static var allValueStrings: [String] { EventKind.allCases.map { "\($0)" } }
}

extension FoundEvent {
    var json: String {
        var line = JsonLine()
        line.add("sequence", sequence)
        line.add("shard", shard)
        line.add("lsn", lsn)
        line.add("kind", "\(kind)")
        line.add("timeMs", timeMs)
        describe(kind, bytes, &line)
        return line.closed
    }

    var text: String {
        var line = TextLine()
        describe(kind, bytes, &line)
        return
            "\(timeText(timeMs))  \(sequence)  \(shard < 0 ? "snapshot" : "shard \(shard)")  \(kind)  \(line.text)"
    }
}

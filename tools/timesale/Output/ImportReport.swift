import TimesaleClient

/// What became of each key of an import: of all in JSON; for people the sums, what is special, and in a dry run all.
struct ImportReport {
    enum Outcome {
        case taken
        case repeated
        /// A sale of this id is there; only an import tells whether it is the same.
        case exists
        case failed(Failure)
    }

    private struct Row {
        let key: String
        var id: SaleID?
        var sale: NewSale?
        /// As in JSON: taken, repeated, exists, skipped, refused, unknown.
        let outcome: String
        var why = ""
    }

    private let isDryRun: Bool
    private var rows: [Row] = []
    private var failures: [Failure] = []

    init(isDryRun: Bool) { self.isDryRun = isDryRun }

    /// A key that is not asked of the server.
    mutating func add(_ entry: StockKeys.Entry) {
        switch entry.verdict {
        case .take: preconditionFailure("what is taken has a sale")
        case .skip(let why): rows.append(Row(key: entry.name, id: entry.id, outcome: "skipped", why: why))
        case .refuse(let why):
            rows.append(Row(key: entry.name, id: entry.id, outcome: "refused", why: why))
            failures.append(Failure(.refused, code: "KEY", why))
        }
    }

    mutating func add(_ entry: StockKeys.Entry, _ sale: NewSale, _ outcome: Outcome) {
        var row = Row(key: entry.name, id: sale.id, sale: sale, outcome: "taken")
        switch outcome {
        case .taken: break
        case .repeated:
            row = Row(key: entry.name, id: sale.id, sale: sale, outcome: "repeated", why: "had been taken before")
        case .exists:
            row = Row(key: entry.name, id: sale.id, sale: sale, outcome: "exists", why: "a sale has this id")
        case .failed(let failure):
            failures.append(failure)
            row = Row(
                key: entry.name, id: sale.id, sale: sale, outcome: failure.status == .unknown ? "unknown" : "refused",
                why: "\(failure.message) (\(failure.code))")
        }
        rows.append(row)
    }

    /// Prints it. The exit status is that of the first failure, except that an unknown outcome comes before what is
    /// certain.
    func finish(_ output: Output) throws {
        output.show(json: json, text: text(output.style))
        let statuses = failures.map(\.status)
        if let status = statuses.first(where: { $0 == .unknown }) ?? statuses.first { throw status }
    }

    private func count(_ outcome: String) -> Int { rows.count { $0.outcome == outcome } }

    /// Units of the sales that were taken, or would be.
    private var units: UInt64 {
        rows.reduce(0) { $1.outcome == "taken" ? $0 &+ ($1.sale?.stock ?? 0) : $0 }
    }

    private static let outcomes = ["taken", "repeated", "exists", "skipped", "refused", "unknown"]

    private var json: JSON {
        .object(
            [("dryRun", .bool(isDryRun))] + Self.outcomes.map { ($0, .integer(count($0))) }
                + [
                    ("units", .integer(units)),
                    (
                        "keys",
                        .array(
                            rows.map { row in
                                .object([
                                    ("key", .string(row.key)), ("id", row.id.map { .string("\($0)") } ?? .null),
                                    ("name", row.sale.map { .string($0.name) } ?? .null),
                                    ("stock", row.sale.map { .integer($0.stock) } ?? .null),
                                    ("outcome", .string(row.outcome)),
                                    ("why", row.why.isEmpty ? .null : .string(row.why)),
                                ])
                            })
                    ),
                ])
    }

    /// Of a long table so many lines are shown.
    private static let shownMax = 50

    private func text(_ style: Style) -> String {
        if rows.isEmpty { return "No key matches.\n" }
        var fields: [(String, StyledText)] = [
            (
                isDryRun ? "would take" : "taken",
                StyledText("\(Numbers.grouped(count("taken"))) of \(Numbers.grouped(rows.count)) keys")
            ),
            ("units", StyledText(Numbers.grouped(units))),
        ]
        for outcome in Self.outcomes.dropFirst() where count(outcome) > 0 {
            let isBad = outcome == "refused" || outcome == "unknown"
            let number = Numbers.grouped(count(outcome))
            fields.append((outcome, isBad ? StyledText(number, .red) : StyledText(number)))
        }
        let shown = isDryRun ? rows : rows.filter { $0.outcome != "taken" && $0.outcome != "repeated" }
        return Table.fields(fields, style) + (shown.isEmpty ? "" : "\n" + table(shown, style))
    }

    private func table(_ shown: [Row], _ style: Style) -> String {
        var table = Table("key", ">sale", ">stock", "name", "outcome", "")
        // What is wrong comes first, or it would be behind the end of a long table.
        let bad = shown.filter { $0.outcome == "refused" || $0.outcome == "unknown" }
        let rest = shown.filter { $0.outcome != "refused" && $0.outcome != "unknown" }
        for row in (bad + rest).prefix(Self.shownMax) {
            let isBad = row.outcome == "refused" || row.outcome == "unknown"
            table.add([
                StyledText(row.key), StyledText(row.id.map { "\($0)" } ?? ""),
                StyledText(row.sale.map { Numbers.grouped($0.stock) } ?? ""), StyledText(row.sale?.name ?? ""),
                isBad ? StyledText(row.outcome, .red) : StyledText(row.outcome), StyledText(row.why),
            ])
        }
        let more = shown.count - Self.shownMax
        return table.rendered(style)
            + (more > 0 ? "... and \(Numbers.grouped(more)) more (--json shows all)\n" : "")
    }
}

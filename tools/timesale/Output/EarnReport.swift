import TimesaleClient

/// What became of a campaign: of each user in JSON, the sums and what failed for people.
struct EarnReport {
    private let key: String
    private var results: [JSON] = []
    private var credited = 0
    private var repeats = 0
    private var points: UInt64 = 0
    private var failed: [(request: EarnRequest, failure: Failure)] = []

    init(key: String) { self.key = key }

    mutating func add(_ earned: PointTransaction) {
        credited += 1
        repeats += earned.isRepeat ? 1 : 0
        points += UInt64(earned.amount)
        results.append(
            .object([
                ("userId", .string("\(earned.user)")), ("transactionId", .string("\(earned.id)")),
                ("amount", .integer(earned.amount)), ("balance", .integer(earned.balance)),
                ("repeat", .bool(earned.isRepeat)),
            ]))
    }

    mutating func add(_ failure: Failure, of request: EarnRequest) {
        var failure = failure
        failure.about = .transaction(request.id)
        failed.append((request, failure))
        let user = JSON.object([("userId", .string("\(request.user)"))])
        if case .fields(let fields) = failure.json {
            results.append(user.adding(fields.map { ($0.name, $0.value) }))
        }
    }

    /// Prints it. The exit status is that of the first failure, except that an unknown outcome comes before what is
    /// certain.
    func finish(_ output: Output, again: String) throws {
        output.show(json: json(again), text: text(output.style, again))
        let statuses = failed.map(\.failure.status)
        if let status = statuses.first(where: { $0 == .unknown }) ?? statuses.first { throw status }
    }

    private var unknown: Int { failed.count { $0.failure.status == .unknown } }

    private func json(_ again: String) -> JSON {
        .object([
            ("key", .string(key)), ("credited", .integer(credited)), ("repeats", .integer(repeats)),
            ("points", .integer(points)), ("refused", .integer(failed.count - unknown)),
            ("unknown", .integer(unknown)), ("again", .string(again)), ("results", .array(results)),
        ])
    }

    /// Of those that failed so many are shown.
    private static let shownMax = 20

    private func text(_ style: Style, _ again: String) -> String {
        var fields: [(String, StyledText)] = [
            ("key", StyledText(key, .bold)),
            ("credited", StyledText("\(Numbers.grouped(credited)) of \(Numbers.grouped(results.count))")),
            ("points", StyledText(Numbers.grouped(points))),
        ]
        if repeats > 0 {
            fields.append(("repeats", StyledText("\(Numbers.grouped(repeats)) had been credited before")))
        }
        if failed.count > unknown {
            fields.append(("refused", StyledText(Numbers.grouped(failed.count - unknown), .red)))
        }
        if unknown > 0 { fields.append(("unknown", StyledText(Numbers.grouped(unknown), .yellow))) }
        var text = Table.fields(fields, style)
        if !failed.isEmpty {
            var table = Table("user", ">amount", "answer", "")
            for (request, failure) in failed.prefix(Self.shownMax) {
                table.add([
                    StyledText("\(request.user)"), StyledText(Numbers.grouped(request.amount)),
                    StyledText(failure.code, .red), StyledText(failure.message),
                ])
            }
            text += "\n" + table.rendered(style)
            if failed.count > Self.shownMax {
                text += "... and \(Numbers.grouped(failed.count - Self.shownMax)) more (--json shows all)\n"
            }
        }
        return text + "Again, and nobody is credited twice: \(again)\n"
    }
}

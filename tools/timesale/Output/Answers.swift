import TimesaleClient

/// The answers to a command that names several things: each stands for itself, in the order of the arguments.
struct Answers {
    /// One line of the answer.
    private enum Answer {
        /// `text`: how it is shown if it is the only one; nil: as a row, too.
        case done(json: JSON, row: [StyledText], text: String?)
        case failure(id: String, Failure)
    }

    private let titles: [String]
    private let codeColumn: Int
    private var answers: [Answer] = []

    /// - Parameters:
    ///   - titles: of the columns, the first of which shows the id.
    ///   - codeColumn: where the code of a failure stands, counted from 0.
    init(_ titles: String..., codeColumn: Int) {
        self.titles = titles
        self.codeColumn = codeColumn
    }

    mutating func add(_ json: JSON, row: [StyledText], text: String? = nil) {
        answers.append(.done(json: json, row: row, text: text))
    }

    mutating func add(_ failure: Failure, about subject: UnknownOutcome.Subject, id: String) {
        var failure = failure
        failure.about = subject
        answers.append(.failure(id: id, failure))
    }

    /// Prints all of them. A single failure is thrown as that of any command; of several the exit status is that of
    /// the first, except that an unknown outcome comes before what is certain.
    func finish(_ output: Output) throws {
        if answers.count == 1, case .failure(_, let failure) = answers[0] { throw failure }
        if output.isJSON {
            for answer in answers { output.show(json: Self.json(answer), text: "") }
        } else if answers.count == 1, case .done(_, _, let text?) = answers[0] {
            output.show(json: .null, text: text)
        } else {
            output.show(json: .null, text: table.rendered(output.style))
        }
        var statuses: [ExitStatus] = []
        for case .failure(let id, var failure) in answers {
            statuses.append(failure.status)
            failure.subject = id
            if !output.isJSON { failure.report(isJSON: false) }
        }
        if let status = statuses.first(where: { $0 == .unknown }) ?? statuses.first { throw status }
    }

    private static func json(_ answer: Answer) -> JSON {
        switch answer {
        case .done(let json, _, _): json
        case .failure(_, let failure): failure.json
        }
    }

    private var table: Table {
        var table = Table(titles)
        for answer in answers {
            switch answer {
            case .done(_, let row, _): table.add(row)
            case .failure(let id, let failure):
                var row = titles.map { _ in StyledText("") }
                row[0] = StyledText(id)
                row[codeColumn] = StyledText(failure.code, .red)
                table.add(row)
            }
        }
        return table
    }
}

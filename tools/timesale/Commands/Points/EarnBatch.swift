import ArgumentParser
import Foundation
import TimesaleClient

extension PointCommands {
    /// Credits many users: a campaign.
    struct EarnBatch: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "Credit many users from a file: a campaign.",
            discussion: """
                The file is CSV, whose first line names its columns, or JSON:

                  user,amount,expiresAt,reason
                  42,500,2027-01-01T00:00:00Z,birthday
                  43,500,,

                  [{"userId": "42", "amount": 500}, {"userId": "43", "amount": 500}]

                Only user and amount have to be there. Each user is credited for itself, and each is reported. The \
                same file with the same --key credits nobody twice, whatever became of the runs before; without a \
                key one is drawn and printed.
                """)

        @Argument(
            help: ArgumentHelp("CSV or JSON; - is standard input.", valueName: "file"), completion: .file())
        var file: String

        @Option(
            help: "What it is for, where the file does not say; at most 31 bytes.", transform: Reading.reason)
        var reason = ""

        @Option(
            help: ArgumentHelp(
                "When the points expire, where the file does not say: 2026-11-27T10:00:00Z, or +30d from now. "
                    + "(default: never)", valueName: "time"),
            transform: Reading.moment)
        var expiresAt: Moment?

        @Option(
            help: ArgumentHelp("Any text that names the campaign. (default: drawn)", valueName: "text"),
            transform: Reading.key)
        var key: String?

        @OptionGroup var common: CommonOptions

        func validate() throws {
            if key != nil, expiresAt?.isRelative == true {
                throw ValidationError(
                    "a --key repeats a campaign exactly, and +... is another time at each run: give an absolute time"
                )
            }
        }

        func run(_ session: Session) async throws {
            let entries = try EarnFile.read(try Self.text(of: file))
            let expiresAtMs: UInt64? = if let expiresAt { try await session.ms(expiresAt) } else { nil }
            let key = key ?? UUID().uuidString.lowercased()
            let requests = Self.requests(entries, key: key, reason: reason, expiresAtMs: expiresAtMs)
            var report = EarnReport(key: key)
            // So many at a time that each has the whole of --timeout.
            for start in stride(from: 0, to: requests.count, by: 20_000) {
                let part = Array(requests[start..<min(start + 20_000, requests.count)])
                for (request, result) in zip(part, await session.client.earnPoints(part)) {
                    switch result {
                    case .success(let earned): report.add(earned)
                    case .failure(let error): report.add(session.failure(error), of: request)
                    }
                }
            }
            var words = ["point", "earn-batch", file]
            if !reason.isEmpty { words += ["--reason", reason] }
            if let expiresAtMs { words += ["--expires-at", Timestamp.text(ms: expiresAtMs)] }
            try report.finish(session.output, again: session.command(words + ["--key", key]))
        }

        private static func text(of file: String) throws -> String {
            let data =
                file == "-"
                ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: file)
            guard let data else { throw Failure.usage("the file \(file) cannot be read") }
            guard let text = String(data: data, encoding: .utf8) else {
                throw Failure.usage("the file \(file) is not UTF-8")
            }
            return text
        }

        /// Each id follows from the key, the user, and how often the user stands before it in the file.
        static func requests(
            _ entries: [EarnFile.Entry], key: String, reason: String, expiresAtMs: UInt64?
        ) -> [EarnRequest] {
            var seen: [UserID: Int] = [:]
            return entries.map { entry in
                seen[entry.user, default: 0] += 1
                let ordinal = seen[entry.user] == 1 ? "" : "#\(seen[entry.user] ?? 1)"
                return EarnRequest(
                    user: entry.user, amount: entry.amount, expiresAtMs: entry.expiresAtMs ?? expiresAtMs,
                    reason: entry.reason ?? reason,
                    id: TransactionID(
                        idempotencyKey: key, for: entry.user, scope: "/v1/points/earn-batch\(ordinal)"))
            }
        }
    }
}

import ArgumentParser
import TimesaleClient

/// Has the server make a snapshot of its state.
struct TakeSnapshot: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Make a snapshot, from which the next start begins.",
        discussion: """
            The server goes on meanwhile. It makes one by itself whenever its log has grown by --snapshot-after. The \
            digest is that of the state at this sequence: "wal-replay state" has the same for a copy of the log.
            """)

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let snapshot = try await session.client.snapshot()
        let digest = String(snapshot.digest, radix: 16)
        let padded = String(repeating: "0", count: 16 - digest.count) + digest
        var text = "sequence  \(snapshot.sequence)\ndigest    \(padded)\n"
        if let made = snapshot.made {
            text += "records   \(Numbers.grouped(made.recordCount))\n"
            text += "size      \(Numbers.grouped(made.sizeBytes)) bytes\n"
            text += "took      \(Numbers.time(.milliseconds(made.durationMs)))\n"
        }
        var fields: [(String, JSON)] = [
            ("sequence", .integer(snapshot.sequence)), ("digest", .string(padded)),
            ("made", .bool(snapshot.made != nil)),
        ]
        if let made = snapshot.made {
            fields.append(("records", .integer(made.recordCount)))
            fields.append(("sizeBytes", .integer(made.sizeBytes)))
            fields.append(("durationMs", .integer(made.durationMs)))
        }
        session.output.show(json: .object(fields), text: text)
        if snapshot.made == nil {
            session.output.remark("Nothing has happened since it was made; it is still the newest.\n")
        }
    }
}

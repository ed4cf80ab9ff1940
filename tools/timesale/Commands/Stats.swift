import ArgumentParser
import TimesaleClient

/// Shows what the server counts, for each shard and in all.
struct Stats: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the server's counters, for each shard and in all.",
        discussion:
            "Counted since the server's start, except for what is there now: connections, orders, users, holds."
    )

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let topology = try await session.client.topology()
        let shards = try await session.client.stats()
        let report = StatsReport(topology, shards, try await session.client.mirror())
        session.output.show(
            json: report.json(address: "\(session.address)"),
            text: report.text(address: "\(session.address)", session.output.style))
    }
}

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
        session.output.show(
            json: StatsReport(topology, shards).json(address: "\(session.address)"),
            text: StatsReport(topology, shards).text(address: "\(session.address)", session.output.style))
    }
}

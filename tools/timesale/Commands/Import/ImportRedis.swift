import ArgumentParser
import Redis
import TimesaleClient

/// Takes the stock that a shop has in Redis into sales, on the day of the migration.
struct ImportRedis: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-redis",
        abstract: "Take a shop's stock keys from Redis into sales.",
        discussion: """
            Each key that matches --pattern becomes a sale: its id is the number that stands for {id}, its stock \
            the number that GET tells. Stop selling from Redis first, look with --dry-run, then run it. It may run \
            again: what it has created with the same content is not created twice. Keys whose value is no whole \
            number, and keys of the same id, are refused and told; the others are taken.

              timesale import-redis --redis redis://127.0.0.1 --pattern 'stock:{id}' --name 'Item {id}' --dry-run
            """)

    @OptionGroup var redis: RedisOptions

    @Option(
        help: ArgumentHelp(
            "Which keys: 'stock:{id}', where {id} is the number and * any text; or 'stock:*'.", valueName: "pattern"),
        transform: {
            guard let pattern = KeyPattern($0) else {
                throw ValidationError("write {id} once, where the number stands, such as 'stock:{id}'")
            }
            return pattern
        })
    var pattern: KeyPattern

    @Option(help: "The sales' name, in which {id} and {key} are those of each; at most 78 bytes.")
    var name = "{key}"

    @OptionGroup var terms: SaleTerms

    @Flag(help: "Show what would be done, and do nothing.") var dryRun = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if terms.areRelative {
            throw ValidationError(
                "an import may be repeated, and +... is another time at each run: give absolute times")
        }
    }

    func run(_ session: Session) async throws {
        let found: StockKeys
        do {
            found = try StockKeys.read(pattern, at: try redis.place(), timeoutMs: common.timeout.value)
        } catch let fault as RedisFault {
            throw Failure(.unavailable, code: "REDIS", "\(fault); nothing was changed")
        }
        var report = ImportReport(isDryRun: dryRun)
        // Creations are a frame together; so many at a time that each has the whole of --timeout.
        for start in stride(from: 0, to: found.entries.count, by: 1_000) {
            let part = Array(found.entries[start..<min(start + 1_000, found.entries.count)])
            var wanted: [(StockKeys.Entry, NewSale)] = []
            for entry in part {
                if case .take(let stock) = entry.verdict, let id = entry.id {
                    let sale = try await terms.sale(session, id: id, name: saleName(entry, id), stock: stock)
                    wanted.append((entry, sale))
                } else {
                    report.add(entry)
                }
            }
            if dryRun {
                try await look(wanted, session, &report)
            } else {
                await create(wanted, session, &report)
            }
        }
        try report.finish(session.output)
    }

    private func saleName(_ entry: StockKeys.Entry, _ id: SaleID) -> String {
        name.replacing("{id}", with: "\(id)").replacing("{key}", with: entry.name)
    }

    /// The id of a creation follows from that of the sale alone: a second import with other content is told apart
    /// from the first one, whatever has become of it since.
    static func operation(_ id: SaleID) -> OperationID {
        OperationID(idempotencyKey: "import-redis \(id)", scope: "/v1/timesales")
    }

    private func create(
        _ wanted: [(StockKeys.Entry, NewSale)], _ session: Session, _ report: inout ImportReport
    ) async {
        let results = await each(wanted.map(\.1)) { (sale: NewSale) async throws(TimesaleError) in
            try await session.client.createSale(sale, operation: Self.operation(sale.id))
        }
        for ((entry, sale), result) in zip(wanted, results) {
            switch result {
            case .success(let created): report.add(entry, sale, created.isRepeat ? .repeated : .taken)
            case .failure(let error):
                var failure = session.failure(error)
                if failure.code == "ID_REUSED" { failure.message = "was imported before, with other content" }
                report.add(entry, sale, .failed(failure))
            }
        }
    }

    private func look(
        _ wanted: [(StockKeys.Entry, NewSale)], _ session: Session, _ report: inout ImportReport
    ) async throws {
        let results = await each(wanted.map(\.1)) { (sale: NewSale) async throws(TimesaleError) in
            try await session.client.sale(sale.id)
        }
        for ((entry, sale), result) in zip(wanted, results) {
            switch result {
            case .success: report.add(entry, sale, .exists)
            case .failure(.refused(.notFound, _)): report.add(entry, sale, .taken)
            case .failure(let error): report.add(entry, sale, .failed(session.failure(error)))
            }
        }
    }
}

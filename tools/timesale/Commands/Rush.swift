import ArgumentParser
import Foundation
import Synchronization
import TimesaleClient

/// A flash sale, in ten seconds: many buyers, few units, and the proof that none was sold twice.
struct Rush: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "See a flash sale: many buyers rush for few units.",
        discussion: """
            Each buyer is a user and a task of its own, and places one order; up to \(RushPlan.atOnceMax) ask at the \
            same time. Afterwards the server is asked whether it kept its promises. Buyers and server share this \
            machine if both run on it: bench measures, this shows.
            """)

    @Option(
        help: ArgumentHelp(
            "Rush for this sale: the orders are real. (default: one is created)", valueName: "sale"),
        transform: Reading.sale)
    var sale: SaleID?

    @Option(
        help: ArgumentHelp(
            "Buyers, 1 to 1,000,000. (default: a fifth more than the stock is enough for)", valueName: "n"),
        transform: { try Reading.number($0, in: 1...1_000_000) })
    var buyers: Int?

    @Option(help: ArgumentHelp("Units that each buyer wants.", valueName: "n"), transform: Reading.quantity)
    var quantity: UInt32 = 1

    @Option(
        help: ArgumentHelp("Units of the sale that is created. (default: 10000)", valueName: "n"),
        transform: Reading.stock)
    var stock: UInt64?

    @Option(
        help: ArgumentHelp("When the sale that is created opens. (default: 3s)", valueName: "duration"),
        transform: { try Reading.duration($0, in: 0...3_600_000) })
    var startsIn: Milliseconds?

    @Option(
        help: ArgumentHelp("The buyers come evenly over this time; 0s: all at once.", valueName: "duration"),
        transform: { try Reading.duration($0, in: 0...3_600_000) })
    var over = Milliseconds(0)

    @Option(
        help: ArgumentHelp(
            "Clients that the buyers are spread over, each with a connection to every shard.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...64) })
    var connections = 1

    @Option(
        help: ArgumentHelp("The first buyer's user; the others follow.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...(1 << 62)) })
    var firstUser: UInt64 = 9_000_000_000_000_001

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if sale != nil, stock != nil || startsIn != nil {
            throw ValidationError("--stock and --starts-in are for the sale that is created without --sale")
        }
    }

    func run(_ session: Session) async throws {
        let plan = try await plan(session)
        var clients: [TimesaleClient] = []
        for _ in 0..<connections { clients.append(try await session.another()) }

        let opening = try await opening(of: plan.sale, session)
        let progress = RushProgress(session, plan, opening: opening)
        defer { progress.close() }
        progress.begin()
        let crowd = try await rush(plan, clients, opening, progress)

        let counts = crowd.counts
        let records = crowd.records
        let (checks, sale) = try await RushCheck.all(plan, counts, accepted: records.accepted, session.client)
        progress.finish(sale, crowd)
        progress.close()
        let report = RushReport(plan, counts, records, checks, sale)
        session.output.show(
            json: report.json,
            text: report.text(session.output.style, .chosen(ProcessInfo.processInfo.environment)))
        session.output.remark(
            """

            Look at it:      \(session.command(["get", "\(sale.id)"]))
            In slow motion:  \(session.command(["rush", "--over", "5s"]))

            """)
        if report.verdict == .broken {
            Descriptor.errors.write(
                """
                timesale: THE SERVER BROKE A PROMISE in sale \(sale.id); see above. Please keep its data directory and \
                report it.

                """)
        }
        if report.verdict != .done { throw report.verdict }
    }

    /// The sale, and who wants it.
    private func plan(_ session: Session) async throws -> RushPlan {
        let sale: Sale
        if let id = self.sale {
            sale = try await session.client.sale(id)
        } else {
            let operation = OperationID.mint()
            var new = NewSale(id: .drawn(from: operation), name: "Flash sale", stock: stock ?? 10_000)
            let startsIn = startsIn ?? Milliseconds(3_000)
            if startsIn.value > 0 { new.startsAtMs = try await session.ms(.fromNow(startsIn)) }
            sale = try await session.client.createSale(new, operation: operation)
        }
        return RushPlan(
            sale: sale, isOwnSale: self.sale == nil,
            buyers: buyers ?? RushPlan.buyers(for: sale.available, quantity: quantity), quantity: quantity,
            firstUser: firstUser, over: over.duration)
    }

    /// When the server's clock will say that the sale has begun, by this process's clock: right to a round trip.
    private func opening(of sale: Sale, _ session: Session) async throws -> ContinuousClock.Instant {
        let pong = try await session.client.ping()
        let leftMs = sale.startsAtMs > pong.serverTimeMs ? sale.startsAtMs - pong.serverTimeMs : 0
        return .now + .milliseconds(Int64(clamping: leftMs))
    }

    private func rush(
        _ plan: RushPlan, _ clients: [TimesaleClient], _ opening: ContinuousClock.Instant,
        _ progress: RushProgress
    ) async throws -> Crowd {
        let running = Running()
        do {
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await progress.paint { running.crowd } }
                try await Task.sleep(until: opening, clock: .continuous)
                let crowd = Crowd(plan, clients)
                running.begin(crowd)
                await crowd.rush()
                try Task.checkCancellation()
                group.cancelAll()
                return crowd
            }
        } catch is CancellationError {
            let accepted = running.crowd?.counts.accepted ?? 0
            throw Failure(
                .refused, code: "INTERRUPTED",
                "interrupted; \(Numbers.grouped(accepted)) orders had been accepted by then")
        }
    }

    /// The crowd, once the doors are open.
    private final class Running: Sendable {
        private let state = Mutex<Crowd?>(nil)
        var crowd: Crowd? { state.withLock { $0 } }
        func begin(_ crowd: Crowd) { state.withLock { $0 = crowd } }
    }
}

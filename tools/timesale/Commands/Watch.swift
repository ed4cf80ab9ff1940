import ArgumentParser
import Foundation
import TimesaleClient

/// Shows sales as they sell.
struct Watch: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch sales sell, live.",
        discussion: """
            Draws on a terminal, and goes on through a restart of the server; elsewhere it prints a line for each \
            sale and interval, and with --json an object. Ctrl-C ends it, with exit code 0.
            """)

    @Argument(
        help: ArgumentHelp("Sales. (default: all that are scheduled, open or sold out)", valueName: "sale"),
        transform: Reading.sale)
    var sales: [SaleID] = []

    @Option(
        help: ArgumentHelp("How often to look.", valueName: "duration"),
        transform: { try Reading.duration($0, in: 10...3_600_000) })
    var interval = Milliseconds(200)

    @Option(
        help: ArgumentHelp("End after so many looks.", valueName: "n"),
        transform: { try Reading.number($0, in: 1...Int.max) })
    var count: Int?

    @Flag(help: "End when no unit of them can be sold any more.")
    var untilSoldOut = false

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let screen = session.output.isLive ? Screen(style: session.output.style) : nil
        defer { screen?.close() }
        do {
            try await watch(session, screen)
        } catch is CancellationError {
            // Ctrl-C is how a watch ends.
        } catch TimesaleError.cancelled {}
    }

    private func watch(_ session: Session, _ screen: Screen?) async throws {
        // A picture that stands still for as long as a call may take would look dead.
        let timeoutMs =
            screen == nil ? session.configuration.timeoutMs : min(1000, session.configuration.timeoutMs)
        var frame = WatchFrame(
            sample: WatchSample(sales: [], nowMs: 0), histories: [:], address: session.address,
            glyphs: .chosen(ProcessInfo.processInfo.environment))
        var looks = 0
        var next = ContinuousClock.now
        while true {
            do {
                frame.sample = try await WatchSample.take(session.client, sales, timeoutMs: timeoutMs)
                frame.notice = nil
                let now = ContinuousClock.now
                for sale in frame.sample.sales {
                    frame.histories[sale.id, default: SaleHistory()].record(sale, at: now)
                }
                looks += 1
            } catch let error as TimesaleError where screen != nil && Self.passes(error) {
                frame.notice = "no answer from the server; trying again"
            }
            show(frame, session.output, screen)
            if looks == count || (untilSoldOut && frame.notice == nil && frame.sample.isOver) { return }
            next = max(next + interval.duration, .now)
            try await Task.sleep(until: next, clock: .continuous)
        }
    }

    /// Whether a later look may succeed by itself.
    private static func passes(_ error: TimesaleError) -> Bool {
        switch error {
        case .unavailable, .timedOut: true
        case .refused(let code, _): code.isRetryable
        default: false
        }
    }

    private func show(_ frame: WatchFrame, _ output: Output, _ screen: Screen?) {
        if let screen { return screen.draw(frame.lines) }
        for sale in frame.sample.sales {
            let history = frame.histories[sale.id] ?? SaleHistory()
            output.show(
                json: WatchLine.json(sale, history, nowMs: frame.sample.nowMs),
                text: WatchLine.text(sale, history, nowMs: frame.sample.nowMs))
        }
    }
}

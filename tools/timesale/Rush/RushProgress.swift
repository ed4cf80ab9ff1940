import Foundation
import TimesaleClient

/// Shows a rush while it happens: the stock as the server tells it, the answers as the buyers got them.
struct RushProgress: Sendable {
    private let session: Session
    private let plan: RushPlan
    private let opening: ContinuousClock.Instant
    private let screen: Screen?
    private let glyphs = Glyphs.chosen(ProcessInfo.processInfo.environment)

    init(_ session: Session, _ plan: RushPlan, opening: ContinuousClock.Instant) {
        self.session = session
        self.plan = plan
        self.opening = opening
        screen = session.output.isLive ? Screen(style: session.output.style) : nil
    }

    private var title: String {
        let each = plan.quantity == 1 ? "" : ", \(Numbers.grouped(plan.quantity)) units each"
        return "\(plan.sale.name), sale \(plan.sale.id): \(Numbers.grouped(plan.sale.available)) units, "
            + "\(Numbers.grouped(plan.buyers)) buyers\(each)"
    }

    /// What there is to say where nothing can be drawn.
    func begin() {
        if screen == nil { session.output.remark("\(title)\n\n") }
    }

    /// Draws until it is cancelled.
    func paint(_ crowd: @Sendable () -> Crowd?) async {
        guard screen != nil else { return }
        var sale = plan.sale
        while !Task.isCancelled {
            if let newer = try? await session.client.sale(plan.sale.id, timeoutMs: 1000) { sale = newer }
            if Task.isCancelled { return }
            draw(sale, crowd())
            try? await Task.sleep(for: .milliseconds(40))
        }
    }

    /// The last picture, which stays.
    func finish(_ sale: Sale, _ crowd: Crowd) { draw(sale, crowd) }

    /// Gives the terminal back.
    func close() { screen?.close() }

    private func draw(_ sale: Sale, _ crowd: Crowd?) {
        let counts = crowd?.counts ?? Tally.Counts()
        let soldOut = counts.refused[.soldOut] ?? 0
        screen?.draw { size in
            let left = " \(Numbers.grouped(sale.available)) left"
            return [
                StyledText(title, .bold), status(sale, crowd),
                glyphs.bar(sale, columns: max(10, min(size.columns, 100) - 14)) + StyledText(left, .bold),
                StyledText(
                    "answered \(Numbers.grouped(counts.answered)) of \(Numbers.grouped(plan.buyers))   accepted "
                        + "\(Numbers.grouped(counts.accepted))   sold out \(Numbers.grouped(soldOut))"
                ),
                "",
            ]
        }
    }

    private func status(_ sale: Sale, _ crowd: Crowd?) -> StyledText {
        guard let crowd else {
            let leftMs = max(0, (opening - .now) / .milliseconds(1))
            return StyledText("opens in \(Numbers.countdown(ms: UInt64(leftMs)))", .cyan)
        }
        let elapsed = ContinuousClock.now - crowd.begin
        return crowd.counts.answered < plan.buyers
            ? StyledText("open for \(Numbers.time(elapsed))", .green) : StyledText("over", .dim)
    }
}

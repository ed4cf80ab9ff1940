import TimesaleClient

/// A picture of the sales that are watched, for a terminal.
struct WatchFrame {
    var sample: WatchSample
    var histories: [SaleID: SaleHistory]
    var address: ClientConfiguration.Address
    /// Why the picture is old; nil if it is not.
    var notice: String?
    var glyphs: Glyphs

    private static let linesOfSale = 4

    func lines(_ size: TerminalSize) -> [StyledText] {
        var lines = [
            StyledText("timesale at \(address)", .bold)
                + StyledText("   \(Timestamp.timeOfDay(ms: sample.nowMs)) UTC   Ctrl-C ends", .dim),
            notice.map { StyledText($0, .red) } ?? "",
        ]
        if sample.sales.isEmpty { return lines + ["No sale is scheduled, open or sold out."] }
        // The newest are those that somebody waits for.
        let shown = sample.sales.suffix(max(1, (size.rows - 1 - lines.count - 1) / Self.linesOfSale))
        for sale in shown { lines += self.lines(sale, size) }
        if shown.count < sample.sales.count {
            lines.append(StyledText("and \(sample.sales.count - shown.count) older ones", .dim))
        }
        return lines
    }

    private func lines(_ sale: Sale, _ size: TerminalSize) -> [StyledText] {
        let history = histories[sale.id] ?? SaleHistory()
        let share = Double(sale.available) / Double(max(1, sale.stock)) * 100
        let left = " \(Numbers.fixed(share, digits: 1))%"
        let columns = max(10, min(size.columns, 100) - left.count)
        let rate = "\(Numbers.grouped(Int64(history.rate.rounded()))) units/s  "
        return [
            StyledText(sale.name, .bold) + StyledText("  \(sale.id)  ", .dim) + sale.state.styled
                + StyledText(Self.countdown(sale, nowMs: sample.nowMs)),
            glyphs.bar(sale, columns: columns) + StyledText(left, .bold),
            StyledText(
                "\(Numbers.grouped(sale.available)) of \(Numbers.grouped(sale.stock)) left   "
                    + "held \(Numbers.grouped(sale.held))   sold \(Numbers.grouped(sale.sold))   ")
                + StyledText(rate, .cyan) + StyledText(glyphs.sparkline(history.rates.suffix(30)), .cyan),
            "",
        ]
    }

    /// What the clock says about the sale: `  starts in 9.8 s`.
    static func countdown(_ sale: Sale, nowMs: UInt64) -> String {
        switch sale.state {
        case .scheduled where sale.startsAtMs > nowMs:
            return "  starts in \(Numbers.countdown(ms: sale.startsAtMs - nowMs))"
        case .open, .soldOut:
            guard let endsAtMs = sale.endsAtMs, endsAtMs > nowMs else { return "" }
            return "  ends in \(Numbers.countdown(ms: endsAtMs - nowMs))"
        default: return ""
        }
    }
}

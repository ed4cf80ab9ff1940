import TimesaleClient

/// The characters that bars and sparklines are made of.
package struct Glyphs {
    var available: Character
    var held: Character
    var sold: Character
    /// From nothing to the highest.
    package var heights: [Character]

    static let unicode = Glyphs(available: "█", held: "▒", sold: "░", heights: Array("▁▂▃▄▅▆▇█"))
    static let ascii = Glyphs(available: "#", held: "+", sold: ".", heights: Array("_.-=*#"))

    /// A locale that names another character set than UTF-8 gets ASCII; where none is set, terminals know UTF-8.
    package static func chosen(_ environment: [String: String]) -> Glyphs {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        guard let locale = locale?.uppercased() else { return .unicode }
        return locale.contains("UTF-8") || locale.contains("UTF8") ? .unicode : .ascii
    }

    /// A bar of the stock: what is left, what is held, what is sold.
    func bar(_ sale: Sale, columns: Int) -> StyledText {
        let stock = Double(max(1, sale.stock))
        let share = Double(sale.available) / stock
        // The last units are seen to the last: nothing is drawn only where nothing is left.
        let available = min(
            columns, sale.available == 0 ? 0 : max(1, Int((share * Double(columns)).rounded())))
        let held = min(columns - available, Int((Double(sale.held) / stock * Double(columns)).rounded()))
        let tone: Tone = share > 0.25 ? .green : share > 0.1 ? .yellow : .red
        return StyledText(String(repeating: self.available, count: available), tone)
            + StyledText(String(repeating: self.held, count: held), .yellow)
            + StyledText(String(repeating: sold, count: columns - available - held), .dim)
    }

    /// A column for each value, the greatest (or `max`) as high as can be.
    package func sparkline(_ values: some Collection<Double>, max: Double? = nil) -> String {
        let highest = max ?? values.max() ?? 0
        return String(
            values.map { value in
                guard highest > 0, value > 0 else { return heights[0] }
                let step = Int((value / highest * Double(heights.count - 1)).rounded())
                return heights[Swift.min(heights.count - 1, step)]
            })
    }
}

import Foundation

/// Pictures as SVG, to stand in a page whose style has their colours.
public enum Plot {
    public struct Series {
        public var name: String
        public var points: [(x: Double, y: Double)]

        public init(name: String, points: [(x: Double, y: Double)]) {
            self.name = name
            self.points = points
        }
    }

    public struct Bar {
        public var name: String
        public var value: Double
        /// The least and the most that were measured; nil: once only.
        public var range: ClosedRange<Double>?
        /// As it stands behind the bar.
        public var text: String

        public init(name: String, value: Double, range: ClosedRange<Double>? = nil, text: String) {
            self.name = name
            self.value = value
            self.range = range
            self.text = text
        }
    }

    public struct BarGroup {
        public var name: String
        public var bars: [Bar]

        public init(name: String, bars: [Bar]) {
            self.name = name
            self.bars = bars
        }
    }

    private static let width = 840.0
    private static let (left, right, top, bottom) = (70.0, 16.0, 14.0, 40.0)

    /// Values over time, from 0 on.
    public static func lines(_ series: [Series], x: String, y: String, height: Double = 260) -> String {
        let points = series.flatMap(\.points)
        let xMax = points.map(\.x).max() ?? 1
        let yTicks = ticks(upTo: points.map(\.y).max() ?? 1)
        let frame = Frame(
            height: height, xMax: max(xMax, 1e-9), yMin: 0, yMax: yTicks.last ?? 1, isLogarithmic: false)
        var body = ""
        for tick in yTicks { body += frame.horizontal(tick, label: short(tick)) }
        for tick in ticks(upTo: xMax) where tick <= xMax { body += frame.label(x: tick, short(tick)) }
        return drawing(frame, body + curves(series, frame), series.map(\.name), x: x, y: y)
    }

    /// Times in microseconds at named places, over decades: the places stand at equal distances.
    public static func percentiles(
        _ series: [(name: String, values: [Double])], names: [String], y: String, height: Double = 280
    ) -> String {
        let values = series.flatMap(\.values).filter { $0 > 0 }
        let low = pow(10, floor(log10(values.min() ?? 1)))
        let high = max(low * 10, pow(10, ceil(log10(values.max() ?? 10))))
        let frame = Frame(
            height: height, xMax: Double(max(1, names.count - 1)), yMin: low, yMax: high, isLogarithmic: true)
        var body = ""
        var tick = low
        while tick <= high * 1.001 {
            body += frame.horizontal(tick, label: duration(us: tick))
            tick *= 10
        }
        for (index, name) in names.enumerated() { body += frame.label(x: Double(index), name) }
        let lines = series.map { line in
            Series(name: line.name, points: line.values.enumerated().map { (Double($0), max(low, $1)) })
        }
        return drawing(frame, body + curves(lines, frame, hasTimes: true), lines.map(\.name), x: "", y: y)
    }

    /// Bars in groups, each group with a scale of its own. Bars of one name have one colour in all groups.
    public static func bars(_ groups: [BarGroup]) -> String {
        let (lineHeight, groupSpace, from, to) = (26.0, 34.0, 190.0, width - 150)
        var colours: [String: Int] = [:]
        var (body, y) = ("", 4.0)
        for group in groups {
            body += text(0, y + 16, group.name, "group")
            y += groupSpace - 8
            let most = group.bars.map { max($0.value, $0.range?.upperBound ?? 0) }.max() ?? 1
            let scale = (to - from) / max(most, 1e-12)
            for bar in group.bars {
                let colour = colours[bar.name] ?? colours.count
                colours[bar.name] = colour
                let end = from + max(1, bar.value * scale)
                body += text(from - 10, y + 15, bar.name, "name", anchor: "end")
                body += "<rect class=\"f\(colour % Page.colourCount)\" x=\"\(at(from))\" y=\"\(at(y + 3))\" "
                    + "width=\"\(at(end - from))\" height=\"16\" rx=\"3\"><title>"
                    + "\(escaped("\(group.name), \(bar.name): \(bar.text)"))</title></rect>\n"
                var textFrom = end
                if let range = bar.range {
                    let (low, high) = (from + range.lowerBound * scale, from + range.upperBound * scale)
                    body += line(low, y + 11, high, y + 11, "range") + line(low, y + 7, low, y + 15, "range")
                        + line(high, y + 7, high, y + 15, "range")
                    textFrom = max(end, high)
                }
                body += text(textFrom + 8, y + 15, bar.text, "value")
                y += lineHeight
            }
            y += 12
        }
        return svg(height: y, groups.map(\.name).joined(separator: ", "), body)
    }

    // MARK: Parts

    /// Where values lie in a picture.
    private struct Frame {
        var height: Double
        var xMax: Double
        var yMin: Double
        var yMax: Double
        var isLogarithmic: Bool

        func x(_ value: Double) -> Double { left + value / xMax * (width - left - right) }

        func y(_ value: Double) -> Double {
            let share =
                isLogarithmic
                ? log10(max(value, yMin) / yMin) / log10(yMax / yMin) : (value - yMin) / max(yMax - yMin, 1e-12)
            return height - bottom - share * (height - top - bottom)
        }

        func horizontal(_ value: Double, label: String) -> String {
            line(left, y(value), width - right, y(value), "grid")
                + text(left - 8, y(value) + 4, label, "", anchor: "end")
        }

        func label(x value: Double, _ label: String) -> String {
            text(x(value), height - bottom + 18, label, "", anchor: "middle")
        }
    }

    private static func curves(_ series: [Series], _ frame: Frame, hasTimes: Bool = false) -> String {
        series.enumerated().map { index, series in
            let colour = index % Page.colourCount
            let path = series.points.map { "\(at(frame.x($0.x))),\(at(frame.y($0.y)))" }.joined(separator: " ")
            var body = "<polyline class=\"line k\(colour)\" points=\"\(path)\"/>\n"
            if hasTimes {
                for point in series.points {
                    let time = escaped("\(series.name): \(duration(us: point.y))")
                    body += "<circle class=\"f\(colour)\" cx=\"\(at(frame.x(point.x)))\" "
                        + "cy=\"\(at(frame.y(point.y)))\" r=\"3.5\"><title>\(time)</title></circle>\n"
                }
            }
            return body
        }.joined()
    }

    private static func drawing(_ frame: Frame, _ body: String, _ names: [String], x: String, y: String) -> String {
        var (legend, place) = ("", left)
        for (index, name) in names.enumerated() {
            legend += "<rect class=\"f\(index % Page.colourCount)\" x=\"\(at(place))\" y=\"\(at(frame.height + 2))\" "
                + "width=\"10\" height=\"10\" rx=\"2\"/>\n"
            legend += text(place + 16, frame.height + 11, name, "name")
            place += 40 + 7 * Double(name.count)
        }
        let axis = text(width - right, frame.height - bottom + 34, x, "", anchor: "end")
        return svg(height: frame.height + 20, y, body + axis + legend)
    }

    private static func svg(height: Double, _ label: String, _ body: String) -> String {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(at(width)) \(at(height))\" role=\"img\" "
            + "aria-label=\"\(escaped(label))\">\n\(body)</svg>\n"
    }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(at(x1))\" y1=\"\(at(y1))\" x2=\"\(at(x2))\" y2=\"\(at(y2))\"/>\n"
    }

    private static func text(
        _ x: Double, _ y: Double, _ text: String, _ style: String, anchor: String = "start"
    ) -> String {
        "<text class=\"\(style)\" x=\"\(at(x))\" y=\"\(at(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>\n"
    }

    /// A place, to a tenth of a pixel.
    private static func at(_ value: Double) -> String { decimal(value.isFinite ? value : 0) }

    /// Round values from 0 to at least `most`, about five of them.
    static func ticks(upTo most: Double) -> [Double] {
        guard most > 0, most.isFinite else { return [0, 1] }
        let power = pow(10, floor(log10(most / 4)))
        let step = [1.0, 2, 2.5, 5, 10].map { $0 * power }.first { most / $0 <= 5 } ?? 10 * power
        return (0...Int((most / step).rounded(.up))).map { Double($0) * step }
    }

    /// 1500 as "1.5 k".
    static func short(_ value: Double) -> String {
        func cut(_ value: Double) -> String {
            value == value.rounded() ? grouped(value) : decimal(value, value < 1 ? 2 : 1)
        }
        switch value {
        case 1e6...: return "\(cut(value / 1e6)) M"
        case 1e3...: return "\(cut(value / 1e3)) k"
        default: return cut(value)
        }
    }
}

/// A page that opens anywhere, offline: its style and its pictures are in it, and it asks for nothing else. In the
/// colours that the reader's system asks for.
public struct Page {
    public var title: String
    public var subtitle: String
    private var body = ""

    public init(title: String, subtitle: String) {
        self.title = title
        self.subtitle = subtitle
    }

    public mutating func add(heading: String) { body += "<h2>\(escaped(heading))</h2>\n" }
    public mutating func add(paragraph: String) { body += "<p>\(escaped(paragraph))</p>\n" }

    /// A picture, with what it shows above it.
    public mutating func add(plot: String, caption: String) {
        body += "<figure><figcaption>\(escaped(caption))</figcaption>\n\(plot)</figure>\n"
    }

    /// A line that says whether something held.
    public mutating func add(verdict: String, isGood: Bool) {
        body += "<p class=\"verdict \(isGood ? "good" : "bad")\"><b>\(isGood ? "&#10003;" : "&#10007;")</b> "
            + "\(escaped(verdict))</p>\n"
    }

    /// The first column is text, the others are numbers.
    public mutating func add(table header: [String], _ rows: [[String]]) {
        func line(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>\n"
        }
        body += "<div class=\"scroll\"><table>\n<thead>\(line(header, "th"))</thead>\n<tbody>"
            + rows.map { line($0, "td") }.joined() + "</tbody></table></div>\n"
    }

    public var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(escaped(title))</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <main>
        <header><h1>\(escaped(title))</h1>
        <p class="subtitle">\(escaped(subtitle))</p></header>
        \(body)</main>
        </body>
        </html>

        """
    }

    private static let style = """

        :root { --paper: #ffffff; --ink: #1c2430; --faint: #667085; --rule: #e3e7ee; --card: #f7f8fa;
          --good: #0f7b4f; --bad: #c0262d;
          --c0: #2563eb; --c1: #d9730d; --c2: #0f9d76; --c3: #b5389a; --c4: #6b4fd8; --c5: #5f6b7a; }
        @media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e6eaf0; --faint: #98a3b3;
          --rule: #2a313c; --card: #1a2028; --good: #4cc38a; --bad: #ff7a7f;
          --c0: #6ea8ff; --c1: #f5a353; --c2: #4fd1a5; --c3: #e58ad0; --c4: #a792ff; --c5: #a7b1bf; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
        main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
        h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
        h2 { font-size: 1.25rem; margin: 3rem 0 0.75rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); }
        .subtitle { color: var(--faint); margin: 0.5rem 0 0; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 0.4rem 0.5rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
        th { font-weight: 600; color: var(--faint); }
        th:first-child, td:first-child { text-align: left; padding-left: 0; }
        .verdict { margin: 0.3rem 0; font-size: 0.9375rem; }
        .good b { color: var(--good); } .bad b, .bad { color: var(--bad); }
        figure { margin: 1.25rem 0; padding: 1rem 1.1rem 0.75rem; background: var(--card);
          border: 1px solid var(--rule); border-radius: 10px; }
        figcaption { font-weight: 600; font-size: 0.9375rem; margin-bottom: 0.5rem; }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--faint); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
        svg .name, svg .value { fill: var(--ink); } svg .group { fill: var(--ink); font-weight: 600; font-size: 13px; }
        .grid { stroke: var(--rule); stroke-width: 1; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .range { stroke: var(--ink); stroke-width: 1.5; opacity: 0.55; }
        .k0 { stroke: var(--c0); } .k1 { stroke: var(--c1); } .k2 { stroke: var(--c2); }
        .k3 { stroke: var(--c3); } .k4 { stroke: var(--c4); } .k5 { stroke: var(--c5); }
        .f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); }
        .f3 { fill: var(--c3); } .f4 { fill: var(--c4); } .f5 { fill: var(--c5); }

        """

    static let colourCount = 6
}

/// Text as it stands in a page.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        default: result.append(character)
        }
    }
    return result
}

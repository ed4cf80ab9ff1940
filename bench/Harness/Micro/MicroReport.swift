/// What `bench micro` measured.
public struct MicroReport: Codable, Sendable {
    public struct Row: Codable, Sendable {
        public var part: MicroPart
        public var text: String
        public var threads: Int
        /// Of the runs.
        public var nanoseconds: Spread
        /// Of one operation, if they were counted.
        public var instructions: Double?

        public init(_ part: MicroPart, _ text: String, threads: Int, _ runs: [Double], instructions: Double? = nil) {
            self.part = part
            self.text = text
            self.threads = threads
            nanoseconds = Spread(runs)
            self.instructions = instructions
        }
    }

    public var command = "micro"
    public var machine: Machine
    public var size: MicroPart.Size
    public var rows: [Row]

    public init(machine: Machine, size: MicroPart.Size, rows: [Row]) {
        self.machine = machine
        self.size = size
        self.rows = rows
    }

    public var text: String {
        let isCounted = rows.contains { $0.instructions != nil }
        var table = TextTable(
            ["one thread, one operation", "ns: median", "min", "max", "a second, all threads"]
                + (isCounted ? ["instructions"] : []))
        for row in rows {
            let rate = 1e9 / row.nanoseconds.median * Double(row.threads)
            table.add(
                [
                    row.text, decimal(row.nanoseconds.median), decimal(row.nanoseconds.min), decimal(row.nanoseconds.max),
                    grouped(rate),
                ] + (isCounted ? [row.instructions.map { decimal($0) } ?? ""] : []))
        }
        return table.text
    }
}

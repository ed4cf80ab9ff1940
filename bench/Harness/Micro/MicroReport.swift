import Foundation

/// What `bench micro` measured.
public struct MicroReport: Codable, Sendable {
    public struct Case: Codable, Sendable {
        public var name: String
        /// What one operation is.
        public var operation: String
        public var threads: Int
        /// Of one operation, as a thread sees it, in each run.
        public var nanoseconds: [Double]
        /// Of one operation, in each run; empty where they were not counted.
        public var instructions: [Double]

        public init(
            name: String, operation: String, threads: Int, nanoseconds: [Double] = [], instructions: [Double] = []
        ) {
            self.name = name
            self.operation = operation
            self.threads = threads
            self.nanoseconds = nanoseconds
            self.instructions = instructions
        }
    }

    public var command = "micro"
    public var machine: Machine
    public var operations: Int
    public var users: Int
    public var cases: [Case]

    public init(machine: Machine, operations: Int, users: Int, cases: [Case]) {
        self.machine = machine
        self.operations = operations
        self.users = users
        self.cases = cases
    }

    public static func read(_ path: String) throws -> MicroReport {
        try JSONDecoder().decode(MicroReport.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// `before` is an earlier report to compare with: the table gets the changes of both figures.
    public func table(since before: MicroReport? = nil) -> String {
        let isCounted = cases.contains { !$0.instructions.isEmpty }
        var header = ["case", "ns: median", "min", "max", "operations/s"]
        if isCounted { header += ["instructions", "spread"] }
        if before != nil { header += ["ns since"] }
        if before != nil && isCounted { header += ["instructions since"] }
        header += ["operation"]
        var table = TextTable(header)
        for test in cases {
            let ns = Spread(test.nanoseconds)
            let count = test.instructions.isEmpty ? nil : Spread(test.instructions)
            let old = before?.cases.first { $0.name == test.name }
            var row = [
                test.name, decimal(ns.median), decimal(ns.min), decimal(ns.max),
                grouped(1e9 / ns.median * Double(test.threads)),
            ]
            if isCounted {
                row += [count.map { decimal($0.median) } ?? "-"]
                row += [count.map { "\(decimal(($0.max - $0.min) / $0.median * 100, 2)) %" } ?? "-"]
            }
            if before != nil { row += [Self.change(from: old?.nanoseconds, to: test.nanoseconds)] }
            if before != nil && isCounted { row += [Self.change(from: old?.instructions, to: test.instructions)] }
            table.add(row + [test.operation])
        }
        return table.text
    }

    /// The change of the median, such as "+12.5 %"; "-" where there is nothing to compare.
    public static func change(from old: [Double]?, to new: [Double]) -> String {
        guard let old, !old.isEmpty, !new.isEmpty else { return "-" }
        let share = Spread(new).median / Spread(old).median - 1
        return (share < 0 ? "" : "+") + decimal(share * 100) + " %"
    }
}

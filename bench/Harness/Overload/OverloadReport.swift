import Generator

/// What `bench overload` measured.
public struct OverloadReport: Codable, Sendable {
    public enum Goal {
        /// Of the capacity, with several times as much asked for.
        public static let goodput = 0.8
        /// Resident memory may grow by so much, for what is remembered of the accepted orders.
        public static let growth = 0.05
    }

    public struct Case: Codable, Sendable {
        public var load: LoadCase
        public var rounds: [OverloadTrial]

        public init(load: LoadCase, rounds: [OverloadTrial]) {
            self.load = load
            self.rounds = rounds
        }
    }

    public var command: String
    public var machine: Machine
    public var slice: Double
    public var factor: Double
    public var cases: [Case]

    public init(command: String, machine: Machine, slice: Double, factor: Double, cases: [Case]) {
        self.command = command
        self.machine = machine
        self.slice = slice
        self.factor = factor
        self.cases = cases
    }

    /// Whether each answer beyond the bound was BUSY with a hint, no order was without one, and no end of a hold
    /// refused.
    public var isClear: Bool {
        cases.allSatisfy { test in
            test.rounds.allSatisfy {
                $0.busyFrames == $0.busyFramesWithHint && $0.unanswered == 0 && $0.endsRefused == 0
                    && $0.refusedOtherwise == 0
            }
        }
    }

    public var text: String {
        var table = TextTable([
            "case", "capacity", "due", "accepted", "of capacity: median", "min", "max", "goal",
            "p99 ms: accepted", "BUSY", "holds' ends", "ends", "BUSY frames", "MiB before", "after", "CPU: server",
            "generator",
        ])
        for test in cases {
            let goodput = Spread(test.rounds.map(\.goodput))
            let run = test.rounds.median(by: \.goodput)
            table.add([
                test.load.name, grouped(run.capacity), grouped(run.due), grouped(run.accepted),
                percent(goodput.median), percent(goodput.min), percent(goodput.max),
                "\(percent(Goal.goodput)) \(goodput.median >= Goal.goodput ? "met" : "missed")",
                decimal(Double(run.latency.p99Us) / 1000), decimal(Double(run.busyLatency.p99Us) / 1000),
                decimal(Double(run.endLatency.p99Us) / 1000), grouped(UInt64(run.ended)), grouped(run.busyFrames),
                "\(run.residentBytesBefore >> 20)", "\(run.residentBytesAfter >> 20)",
                percent(run.serverCPU), percent(run.generatorCPU),
            ])
        }
        let trials = cases.flatMap(\.rounds)
        let growth =
            trials.map { Double($0.residentBytesAfter) / Double(max(1, $0.residentBytesBefore)) - 1 }.max() ?? 0
        let unanswered = trials.reduce(0) { $0 + $1.unanswered }
        let refusedEnds = trials.reduce(0) { $0 + $1.endsRefused }
        let withoutHint = trials.reduce(0) { $0 + $1.busyFrames - $1.busyFramesWithHint }
        let others = trials.reduce(0) { $0 + $1.refusedOtherwise }
        return """
            the server has \(percent(slice)) of a core, and is asked for \(decimal(factor)) times what it can do
            \(table.text)
            memory      grew by \(percent(max(0, growth))) at the most; goal at most \(percent(Goal.growth)): \
            \(growth <= Goal.growth ? "met" : "missed")
            answers     \(grouped(unanswered)) orders were not answered, \(grouped(others)) refused but by BUSY, \
            \(grouped(withoutHint)) frames BUSY without a hint, \(refusedEnds) ends of holds refused: \
            \(isClear ? "as promised" : "BROKEN")
            """
    }
}

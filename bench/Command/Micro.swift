import ArgumentParser
import CLinux
import Foundation
import Generator
import Harness

struct Micro: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Parts of the server by themselves: the engine, the log, the counter; nanoseconds and instructions.",
        discussion: """
            No sockets and no disk: what is left is what the code costs. The engine decides on orders that are all \
            accepted; the log gathers events and seals blocks; threads take units of one sale's counter, each from a \
            stripe of its own or all from one. --instructions counts with callgrind, which takes a minute more and \
            whose figures do not depend on what else the machine does.
            """)

    @Option(parsing: .unconditional, help: "CPU of the thread; -1 leaves it to the scheduler. Several have one each.")
    var cpu = 0
    @Option(help: "Some of \(MicroPart.allCases.map(\.rawValue).joined(separator: ",")); all, unless given.")
    var parts: String?
    @Option(help: "Runs of each.")
    var runs = 3
    @Option(help: "The most threads that share a counter; as many as CPUs, unless given.")
    var threads: Int?
    @Option(help: "Orders in each batch.")
    var batch = 1024
    @Option(help: "Orders that are decided, and that the engine has room for.")
    var orders = 10_000_000
    @Option(help: "Users of these orders.")
    var users = 4_000_000
    @Option(help: "Orders that are logged, units that each thread takes.")
    var operations = 20_000_000
    @Flag(help: "Count the instructions of one operation as well, with valgrind.")
    var instructions = false
    @Option(help: .hidden)
    var counted: String?
    @OptionGroup var output: ReportOptions

    func validate() throws {
        guard batch >= 1, batch <= 8190, orders >= batch, users >= 1 else {
            throw ValidationError("give a batch from 1 to 8190, and at least one order and one user")
        }
        guard runs >= 1, (threads ?? 1) >= 1, (threads ?? 1) <= 64, operations >= 1024 else {
            throw ValidationError("give at least one run, 1 to 64 threads, and 1024 operations")
        }
        _ = try choose(MicroPart.allCases, parts, name: \.rawValue)
    }

    private var size: MicroPart.Size {
        var size = MicroPart.Size()
        (size.batch, size.orders, size.users, size.operations) = (batch, orders, users, operations)
        return size
    }

    mutating func run() throws {
        if let counted { return try runCounted(counted) }
        var rows: [(part: MicroPart, threads: Int, runs: [Double], instructions: Double?)] = []
        for part in try choose(MicroPart.allCases, parts, name: \.rawValue) {
            for count in threadCounts(part) { rows.append((part, count, [], nil)) }
        }
        let machine = Machine.current()
        print(machine.text)
        for run in 0..<runs {
            for index in rows.indices {
                let (part, threads, _, _) = rows[index]
                Progress.show("run \(run + 1) of \(runs): \(part.text(size, threads: threads))")
                try Interruption.check()
                if cpu >= 0 { _ = ts_pin_thread(Int32(cpu)) }
                rows[index].runs.append(part.nanoseconds(size, threads: threads))
                _ = ts_unpin_thread()
            }
        }
        if instructions {
            let count = try InstructionCount(executable: Self.executable)
            for index in rows.indices where rows[index].threads == 1 {
                let part = rows[index].part
                Progress.show("counting instructions: \(part.text(size, threads: 1))")
                rows[index].instructions = try count.perOperation(of: part, size) { isMore in
                    ["micro", "--counted", "\(part.rawValue),\(isMore)", "--batch", "\(batch)", "--users", "\(users)"]
                }
            }
        }
        Progress.clear()
        let report = MicroReport(
            machine: machine, size: size,
            rows: rows.map { row in
                MicroReport.Row(
                    row.part, row.part.text(size, threads: row.threads), threads: row.threads, row.runs,
                    instructions: row.instructions)
            })
        print("\n\(report.text)")
        try output.write(report)
    }

    /// 1, 2, 4 and so on, and the most.
    private func threadCounts(_ part: MicroPart) -> [Int] {
        guard part.hasThreads else { return [1] }
        let most = threads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        var counts = [1]
        while counts.last! * 2 < most { counts.append(counts.last! * 2) }
        return most > 1 ? counts + [most] : counts
    }

    private static var executable: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    }

    /// What callgrind runs.
    private func runCounted(_ text: String) throws {
        let words = text.split(separator: ",")
        guard words.count == 2, let part = MicroPart(rawValue: String(words[0])), let isMore = Bool(String(words[1]))
        else { throw ValidationError("--counted is a part and whether more of it is to be done") }
        InstructionCount.runCounted(part, size, isMore: isMore)
    }
}

import Foundation
import Generator

/// Instructions of an operation, counted by valgrind's tool callgrind: what a noisy machine cannot move.
///
/// A child does some operations of one case, another one three times as many, everything around them being the same.
/// The difference is that of the operations alone.
public final class Callgrind {
    private let valgrind: String
    private let directory: URL
    private let program: URL

    /// `program` is a `bench`; its helpers are looked for in `path`, as a shell would.
    public init(
        program: String = "/proc/self/exe", path: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
    ) throws {
        guard let valgrind = Self.find("valgrind", in: path) else {
            throw LoadError(
                description: "instructions are counted by valgrind, which is not installed: apt-get install valgrind")
        }
        // valgrind up to 3.19 gives up on the debug information that Swift's compiler writes.
        guard let strip = Self.find("strip", in: path) else {
            throw LoadError(
                description: "valgrind gets a copy without debug information, and there is no strip: "
                    + "apt-get install binutils")
        }
        self.valgrind = valgrind
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "timesale-bench-callgrind-\(UUID().uuidString.prefix(8))")
        self.program = directory.appendingPathComponent("bench")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        do {
            let original = URL(fileURLWithPath: program).resolvingSymlinksInPath().path
            try Self.run(strip, ["--strip-debug", "-o", self.program.path, original])
        } catch {
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// How many operations of a case the two children do: the first at least `wanted`. The second number is also the
    /// room that both have.
    public static func counts(of micro: MicroCase, wanted: Int) -> (few: Int, many: Int) {
        let few = (wanted + micro.granule - 1) / micro.granule * micro.granule
        return (few, 3 * few)
    }

    /// What has a child do some operations of a case, within some room.
    public static func arguments(of micro: MicroCase, operations: Int, room: Int, users: Int) -> [String] {
        let batch = if case .engine(_, let batch) = micro.kind { batch } else { 1 }
        return [
            "micro", "--cases", micro.name, "--batch", "\(batch)", "--threads", "1", "--operations", "\(operations)",
            "--users", "\(users)", "--counted-room", "\(room)",
        ]
    }

    /// Of one operation, by so many of it and three times as many.
    public func instructions(of micro: MicroCase, operations: Int, users: Int) throws -> Double {
        let counts = Self.counts(of: micro, wanted: operations)
        let totals = try [counts.few, counts.many].map {
            try total(Self.arguments(of: micro, operations: $0, room: counts.many, users: users))
        }
        return try Self.perOperation(few: (counts.few, totals[0]), many: (counts.many, totals[1]))
    }

    /// What one operation more takes. More operations that take less are no counts of the same thing.
    public static func perOperation(
        few: (operations: Int, total: UInt64), many: (operations: Int, total: UInt64)
    ) throws(LoadError) -> Double {
        precondition(many.operations > few.operations)
        guard many.total >= few.total else {
            throw LoadError(
                description: "\(many.operations) operations took \(many.total) instructions, and "
                    + "\(few.operations) took \(few.total)")
        }
        return Double(many.total - few.total) / Double(many.operations - few.operations)
    }

    /// The instructions in a file that callgrind wrote: the column `Ir` of its totals. nil if there are none.
    public static func total(in text: String) -> UInt64? {
        var column: Int?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "events:" { column = words.dropFirst().firstIndex(of: "Ir") }
            if words.first == "totals:", let column, column < words.count { return UInt64(words[column]) }
        }
        return nil
    }

    /// The instructions of a child with these arguments, from its start to its end.
    public func total(_ arguments: [String]) throws -> UInt64 {
        try Interruption.check()
        let file = directory.appendingPathComponent("callgrind.out")
        try Self.run(
            valgrind,
            ["--tool=callgrind", "--quiet", "--callgrind-out-file=\(file.path)", program.path] + arguments)
        guard let total = Self.total(in: try String(contentsOf: file, encoding: .utf8)) else {
            throw LoadError(description: "callgrind wrote no totals")
        }
        return total
    }

    private static func find(_ program: String, in path: String) -> String? {
        path.split(separator: ":").map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        // The same in every process: what Swift's own tables do in the start of a program follows from it.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_DETERMINISTIC_HASHING": "1"]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw LoadError(description: "\(program) failed: \(text)")
        }
    }
}

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

    /// Fewer operations than this, if there are fewer at once, would be about what the first ones do.
    private static let operationsMin = 16_384

    /// `program` gets `arguments` of `count`.
    public init(program: String = "/proc/self/exe") throws {
        guard let valgrind = Self.find("valgrind") else {
            throw LoadError(
                description: "instructions are counted by valgrind, which is not installed: apt-get install valgrind")
        }
        self.valgrind = valgrind
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "timesale-bench-callgrind-\(UUID().uuidString.prefix(8))")
        self.program = directory.appendingPathComponent("bench")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        // valgrind up to 3.19 gives up on the debug information that Swift's compiler writes.
        let original = URL(fileURLWithPath: program).resolvingSymlinksInPath().path
        guard let strip = Self.find("strip") else {
            throw LoadError(description: "valgrind reads a copy without symbols: apt-get install binutils")
        }
        try Self.run(strip, ["--strip-debug", "-o", self.program.path, original])
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// How many operations of a case the two children do; the second number is also the room they have.
    public static func counts(of micro: MicroCase) -> (few: Int, many: Int) {
        let few = (operationsMin + micro.granule - 1) / micro.granule * micro.granule
        return (few, 3 * few)
    }

    /// Of one operation. `arguments` are those that have a child do so many.
    public func instructions(of micro: MicroCase, arguments: (_ operations: Int) -> [String]) throws -> Double {
        let counts = Self.counts(of: micro)
        let few = try total(arguments(counts.few))
        let many = try total(arguments(counts.many))
        return try Self.perOperation(few: (counts.few, few), many: (counts.many, many))
    }

    /// What one operation more takes; never less than nothing, where the two counts are about the same thing.
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

    private func total(_ arguments: [String]) throws -> UInt64 {
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

    public static func find(_ program: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
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

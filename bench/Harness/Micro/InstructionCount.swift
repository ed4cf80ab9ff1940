import Foundation
import Generator

/// Instructions of one operation, counted by callgrind (https://valgrind.org): a number that a noisy machine does not
/// change, so that a regression shows where nanoseconds hide it.
///
/// A process runs the part twice under callgrind, with fewer and with more operations; the difference of both counts over
/// the difference of operations is what one costs, without what a start costs. Only functions whose names have
/// "measured" in them are counted: they enclose what is timed, and nothing else.
public final class InstructionCount {
    private let valgrind: String
    /// A copy without debug information, which valgrind may be too old to read and then gives up on.
    private let executable: String

    private static let fewer = 1 << 16
    private static let more = 3 << 16

    /// `executable` is `bench` itself, which is run again. Throws if valgrind or binutils are not there.
    public init(executable: String) throws {
        guard let valgrind = Installed.program("valgrind") else { throw Self.missing("valgrind", package: "valgrind") }
        guard let objcopy = Installed.program("objcopy") else { throw Self.missing("objcopy", package: "binutils") }
        self.valgrind = valgrind
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent("timesale-bench-\(UUID().uuidString)")
        self.executable = copy.path
        try ServerProgram.run(objcopy, ["--strip-debug", executable, copy.path])
    }

    deinit { try? FileManager.default.removeItem(atPath: executable) }

    private static func missing(_ program: String, package: String) -> LoadError {
        LoadError(description: "\(program) is not installed: the package is \(package) on Debian (apt-get install \(package))")
    }

    /// What the two processes do: few enough operations for a program that is some fifty times slower.
    static func size(_ size: MicroPart.Size, isMore: Bool) -> MicroPart.Size {
        var size = size
        size.users = min(size.users, 100_000)
        size.orders = isMore ? more : fewer
        size.operations = size.orders
        return size
    }

    /// In such a process: does the part once.
    public static func runCounted(_ part: MicroPart, _ wanted: MicroPart.Size, isMore: Bool) {
        _ = part.nanoseconds(size(wanted, isMore: isMore), room: more)
    }

    /// `arguments` make `executable` call `runCounted`.
    public func perOperation(
        of part: MicroPart, _ wanted: MicroPart.Size, arguments: (_ isMore: Bool) -> [String]
    ) throws -> Double {
        let counts = try [false, true].map { isMore in
            try Interruption.check()
            let said = try ServerProgram.run(
                valgrind,
                [
                    "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*", executable,
                ] + arguments(isMore))
            guard let count = Self.collected(in: said), count > 0 else {
                throw LoadError(description: "callgrind has counted nothing:\n\(said)")
            }
            return (operations: part.operations(Self.size(wanted, isMore: isMore)), count: count)
        }
        return Double(counts[1].count - counts[0].count) / Double(counts[1].operations - counts[0].operations)
    }

    /// The number of a line such as `==12== Collected : 3456`.
    static func collected(in text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "Collected"), words.count > place + 2, words[place + 1] == ":" else {
                continue
            }
            return Int(words[place + 2])
        }
        return nil
    }
}

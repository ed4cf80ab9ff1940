import Foundation
import Generator

/// What `wal-replay` finds in the log of a server: a program of its own, which talks to no server.
public struct LogWitness {
    public let executable: String
    public let directory: String

    public init(executable: String, directory: String) {
        self.executable = executable
        self.directory = directory
    }

    /// Beside one of these executables; nil if it is beside none.
    public static func executable(beside places: [String]) -> String? {
        places.map { URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("wal-replay").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Events by their kind.
    public func totals() throws -> Verification.Totals {
        struct Statistics: Decodable { var kinds: [String: UInt64] }
        let kinds = try read("stats", Statistics.self).kinds
        var totals = Verification.Totals()
        func count(_ kind: String) -> UInt64 { kinds[kind] ?? 0 }
        totals.checkouts = count("checkoutPlaced")
        totals.orders = count("orderPlaced")
        totals.couponsIssued = count("couponIssued")
        // Of a checkout these are in its own event.
        totals.couponUses = count("couponUsed") + totals.checkouts
        totals.earnings = count("pointsEarned") + totals.checkouts
        totals.pointUses = count("pointsUsed") + totals.checkouts
        return totals
    }

    public struct Catalogue: Sendable {
        public var sales: [Verification.Offers.Count]
        public var policies: [Verification.Offers.Count]
    }

    /// What a replay of the log comes to.
    public func catalogue() throws -> Catalogue {
        struct State: Decodable {
            struct Sale: Decodable { var id: String, stock: UInt64, held: UInt64, sold: UInt64, available: UInt64 }
            struct Policy: Decodable { var id: String, quantity: UInt64, issued: UInt64, remaining: UInt64 }
            var sales: [Sale]
            var policies: [Policy]
        }
        let state = try read("state", State.self)
        return Catalogue(
            sales: state.sales.map {
                .init(id: UInt64($0.id) ?? 0, stock: $0.stock, taken: $0.held + $0.sold, available: $0.available)
            },
            policies: state.policies.map {
                .init(id: UInt64($0.id) ?? 0, stock: $0.quantity, taken: $0.issued, available: $0.remaining)
            })
    }

    private func read<Answer: Decodable>(_ command: String, _ type: Answer.Type) throws -> Answer {
        try Interruption.check()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = [command, directory, "--json"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let answer = try? JSONDecoder().decode(type, from: data) else {
            throw LoadError(
                description: "wal-replay \(command) \(directory) ended with \(process.terminationStatus), and without "
                    + "an answer: the log could not be read")
        }
        return answer
    }
}

import Foundation
import Generator

/// What a scenario takes of a machine, at most: known, and looked for, before anything is written.
public struct Room: Equatable, Sendable {
    public var orders = 0
    public var coupons = 0
    public var transactions = 0
    public var checkouts = 0
    public var users = 0
    /// Of the log.
    public var logBytes = 0

    /// Users and records are spread over shards by a hash, not evenly.
    private static let shardsMargin = 1.25
    /// A record with its share of the index and its user's line; less, in the mean.
    private static let recordBytes = 128
    /// Of a server that has nothing yet, and of files that grow in whole segments.
    private static let baseBytes = 256 << 20

    public init(_ scenario: Scenario, _ settings: ScenarioSettings, isUnix: Bool) {
        let margin = settings.shards > 1 ? Self.shardsMargin : 1
        for load in scenario.loads {
            let entries = load.entriesMax(settings, isUnix: isUnix)
            let records = load.workload.records
            let room = Int(margin * Double(entries))
            orders += room * records.orders
            coupons += room * records.coupons
            transactions += room * records.transactions
            checkouts += room * records.checkouts
            logBytes += Self.logBytes(load, entries, settings)
            guard load.workload == .usePoints else { continue }
            // What they use was credited before, to each.
            transactions += Int(margin * Double(settings.users))
            logBytes += Int(settings.users) * Workload.earnPoints.records.sizeBytes
        }
        // A table without any room is none.
        orders = max(1000, orders)
        users = Int(Self.shardsMargin * Double(settings.users)) + 1000
    }

    /// The fewer are in flight, the more of a block is padding.
    private static func logBytes(_ load: ScenarioLoad, _ entries: Int, _ settings: ScenarioSettings) -> Int {
        let inFlight =
            load.runsOut ? settings.buyers : settings.connections * settings.depth * min(settings.batch, load.workload.batchMax)
        // On a schedule there may be one in flight, and a block for each.
        let perOrder = Capacity.logBytesPerOrder(ordersInFlight: settings.rate == nil ? inFlight : 1)
        let steps = settings.rate == nil ? 1 : load.workload.steps.count
        let each = settings.rate == nil ? Double(load.workload.records.sizeBytes) / 64 * perOrder : perOrder * Double(steps)
        return load.workload.records.sizeBytes > 0 ? Int(Double(entries) * each) : 0
    }

    public var diskBytes: Int { logBytes + Self.baseBytes }

    public var memoryBytes: Int {
        (orders + coupons + transactions + checkouts + users) * Self.recordBytes + Self.baseBytes
    }

    /// Says what is too small; nil if nothing is. Nil for what is free: not known.
    public func refusal(diskFreeBytes: Int?, directory: String, memoryFreeBytes: Int?) -> String? {
        let less = "lower --seconds, --operations or --rate"
        if let diskFreeBytes, diskFreeBytes < diskBytes {
            return "this may write \(Self.text(diskBytes)) to \(directory), where \(Self.text(diskFreeBytes)) are free: "
                + "\(less), or name another disk with --directory"
        }
        if let memoryFreeBytes, memoryFreeBytes < memoryBytes {
            return "the server would need \(Self.text(memoryBytes)) of memory, and \(Self.text(memoryFreeBytes)) are free: "
                + less
        }
        return nil
    }

    private static func text(_ bytes: Int) -> String {
        bytes >= 10 << 30 ? "\(grouped(bytes >> 30)) GiB" : "\(grouped(bytes >> 20)) MiB"
    }

    /// What a file system has for those who are not root; nil if it does not say.
    public static func diskFreeBytes(at path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    public static var memoryFreeBytes: Int? {
        ProcFile.read("/proc/meminfo").flatMap { ProcFile.bytes(of: "MemAvailable", in: $0) }
    }
}

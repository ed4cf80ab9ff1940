import Foundation
import Generator

/// What a server needs for a scenario: room for every record that it may leave, and no more.
public struct Room: Equatable, Sendable {
    public var orders = 0
    public var coupons = 0
    public var transactions = 0
    public var checkouts = 0
    public var logBytes = 0

    /// For all phases, each at its bound.
    public init(_ scenario: Scenario, _ load: ScenarioLoad) {
        for phase in scenario.phases {
            let records = phase.workload.records
            let entries = load.entriesMax(phase) ?? 0
            orders += entries * records.orders
            coupons += entries * records.coupons
            transactions += entries * records.transactions + (phase.workload == .usePoints ? load.users : 0)
            checkouts += entries * records.checkouts
            let inFlight = load.connections(phase) * load.depth(phase) * load.batch(phase)
            logBytes += Int(
                Double(entries * records.sizeBytes) / 64 * Capacity.logBytesPerOrder(ordersInFlight: inFlight))
            if phase.workload == .usePoints { logBytes += load.users * Workload.earnPoints.records.sizeBytes }
        }
    }

    private static let segmentBytes = 64 << 20

    /// Log that is made ready before the load: all that it may write.
    public var logAheadBytes: Int { (logBytes / Self.segmentBytes + 2) * Self.segmentBytes }

    /// The log, and as much again: what a server keeps free for a snapshot of it.
    public var diskBytes: Int { 2 * logAheadBytes + (256 << 20) }

    /// Gives a server this room.
    func apply(to settings: inout ServerUnderTest.Settings, users: Int, offers: Int) {
        // A table of nothing is none that could be asked for.
        let least = 10_000
        settings.capacity = Capacity(orders: max(least, orders), logAheadBytes: logAheadBytes)
        settings.coupons = max(least, coupons)
        settings.transactions = max(least, transactions)
        settings.checkouts = max(least, checkouts)
        settings.users = users + users / 8 + 1000
        settings.sales = max(1000, 2 * offers)
    }

    /// Refuses a disk that has too little free.
    public func check(freeBytes: Int, of path: String) throws(LoadError) {
        guard freeBytes < diskBytes else { return }
        throw LoadError(
            description: "\(path) has \(Self.text(freeBytes)) free, and this needs \(Self.text(diskBytes)): "
                + "choose another --directory, or lower --seconds or --operations")
    }

    /// Of a record with its share of the index, at most.
    private static let recordBytes = 96
    /// Of a user.
    private static let userBytes = 96

    /// Tables have all their memory before the load begins.
    func memoryBytes(users: Int) -> Int {
        (orders + coupons + transactions + checkouts) * Self.recordBytes + users * Self.userBytes + (256 << 20)
    }

    /// Refuses a machine that has too little; nil: what it has is not known.
    public func check(memoryFreeBytes: Int?, users: Int) throws(LoadError) {
        let needed = memoryBytes(users: users)
        guard let memoryFreeBytes, memoryFreeBytes < needed else { return }
        throw LoadError(
            description: "\(Self.text(memoryFreeBytes)) of memory are free, and the server needs \(Self.text(needed)): "
                + "lower --seconds, --operations or --users")
    }

    public static var memoryFreeBytes: Int? {
        ProcFile.read("/proc/meminfo").flatMap { ProcFile.bytes(of: "MemAvailable", in: $0) }
    }

    /// What the disk below a directory has free for this user.
    public static func freeBytes(of path: String) throws(LoadError) -> Int {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else {
            throw LoadError(description: "cannot look at \(path): \(String(cString: strerror(errno)))")
        }
        return Int(found.f_bavail) * Int(found.f_frsize)
    }

    private static func text(_ bytes: Int) -> String {
        bytes >= 1 << 30 ? "\(decimal(Double(bytes) / Double(1 << 30))) GiB" : "\(grouped(bytes >> 20)) MiB"
    }
}

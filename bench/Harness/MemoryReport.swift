/// What `bench memory` measured.
public struct MemoryReport: Codable, Sendable {
    public enum Goal {
        public static let residentBytesPerOrder = 128.0
        public static let logBytesPerOrder = 72.0
        public static let eventsPerCPUSecond = 3e6
        /// Of ten million orders.
        public static let snapshotRecoveryMs = 2000
        public static let snapshotOrders: UInt64 = 10_000_000
    }

    /// A snapshot of all of them, and a start from it.
    public struct Snapshot: Codable, Sendable {
        public var records: UInt64
        public var bytes: UInt64
        /// To make it, beside the server.
        public var durationMs: UInt64
        public var recoveredOrders: UInt64
        public var recoveryMs: Int
        public var recoveryCPUSeconds: Double

        public init(
            records: UInt64, bytes: UInt64, durationMs: UInt64, recoveredOrders: UInt64, recoveryMs: Int,
            recoveryCPUSeconds: Double
        ) {
            self.records = records
            self.bytes = bytes
            self.durationMs = durationMs
            self.recoveredOrders = recoveredOrders
            self.recoveryMs = recoveryMs
            self.recoveryCPUSeconds = recoveryCPUSeconds
        }
    }

    public var command: String
    public var machine: Machine
    /// Remembered when all were placed.
    public var orders: UInt64
    public var users: UInt64
    public var ordersPerSecond: Double
    /// Resident before the first order, and after the last one.
    public var emptyResidentBytes: Int
    public var residentBytes: Int
    public var logBytes: UInt64
    /// Remembered after the recovery.
    public var recoveredOrders: UInt64
    public var recoveredEvents: Int
    public var recoveryMs: Int
    /// Of the whole process, from its start to the end of the recovery.
    public var recoveryCPUSeconds: Double
    public var snapshot: Snapshot

    public init(
        command: String, machine: Machine, orders: UInt64, users: UInt64, ordersPerSecond: Double,
        emptyResidentBytes: Int, residentBytes: Int, logBytes: UInt64, recoveredOrders: UInt64, recoveredEvents: Int,
        recoveryMs: Int, recoveryCPUSeconds: Double, snapshot: Snapshot
    ) {
        self.command = command
        self.machine = machine
        self.orders = orders
        self.users = users
        self.ordersPerSecond = ordersPerSecond
        self.emptyResidentBytes = emptyResidentBytes
        self.residentBytes = residentBytes
        self.logBytes = logBytes
        self.recoveredOrders = recoveredOrders
        self.recoveredEvents = recoveredEvents
        self.recoveryMs = recoveryMs
        self.recoveryCPUSeconds = recoveryCPUSeconds
        self.snapshot = snapshot
    }

    public var residentBytesPerOrder: Double { Double(residentBytes) / Double(max(1, orders)) }
    public var logBytesPerOrder: Double { Double(logBytes) / Double(max(1, orders)) }
    public var eventsPerCPUSecond: Double { Double(recoveredEvents) / max(0.001, recoveryCPUSeconds) }

    /// The goal is one for ten million orders.
    private var snapshotVerdict: String {
        guard orders >= Goal.snapshotOrders else { return "" }
        return "; goal less than 2,000: \(snapshot.recoveryMs < Goal.snapshotRecoveryMs ? "met" : "missed")"
    }

    public var text: String {
        func verdict(_ isMet: Bool) -> String { isMet ? "met" : "missed" }
        let isWhole = recoveredOrders == orders
        return """
            placed      \(grouped(orders)) orders of \(grouped(users)) users, \(grouped(ordersPerSecond)) orders/s
            memory      \(decimal(residentBytesPerOrder)) bytes an order: \(residentBytes >> 20) MiB resident in all, \
            of which \(emptyResidentBytes >> 20) MiB before the first order; goal at most 128: \
            \(verdict(residentBytesPerOrder <= Goal.residentBytesPerOrder))
            log         \(decimal(logBytesPerOrder)) bytes an order; goal at most 72: \
            \(verdict(logBytesPerOrder <= Goal.logBytesPerOrder))
            recovery    \(grouped(recoveredEvents)) events in \(grouped(recoveryMs)) ms and \
            \(decimal(recoveryCPUSeconds, 2)) s of CPU: \(grouped(eventsPerCPUSecond)) events/s of one core; \
            goal at least 3,000,000: \(verdict(eventsPerCPUSecond >= Goal.eventsPerCPUSecond))
            after it    \(grouped(recoveredOrders)) orders remembered: \(isWhole ? "all" : "NOT ALL OF THEM")
            snapshot    \(grouped(snapshot.records)) records, \(snapshot.bytes >> 20) MiB, made in \
            \(grouped(snapshot.durationMs)) ms
            start on it \(grouped(snapshot.recoveryMs)) ms, \(decimal(snapshot.recoveryCPUSeconds, 2)) s of CPU\
            \(snapshotVerdict)
            after it    \(grouped(snapshot.recoveredOrders)) orders remembered: \
            \(snapshot.recoveredOrders == orders ? "all" : "NOT ALL OF THEM")
            """
    }
}

import CLinux
import Foundation
import Generator

/// What the machine could do in the minute of a measurement, whatever the server does: of two figures from a noisy
/// machine, only those with like calibrations compare.
public struct Calibration: Codable, Sendable {
    /// `bench micro`: one order in a batch of 1,024, 10 million orders of 4 million users.
    public var engineNsPerOrder: Double
    /// Durable writes of 4 KiB.
    public var disk: Latencies

    public static func measure(cpu: Int, directory: String?) throws -> Calibration {
        try Interruption.check()
        let disk = try DiskProbe(directory: directory).measure(seconds: 1).writes
        if cpu >= 0 { _ = ts_pin_thread(Int32(cpu)) }
        defer { _ = ts_unpin_thread() }
        let ns = BareEngine(room: 10_000_000, users: 4_000_000).nanosecondsPerOrder(batch: 1024)
        return Calibration(engineNsPerOrder: ns, disk: disk)
    }

    public func text(_ moment: String) -> String {
        "\(moment.padding(toLength: 11, withPad: " ", startingAt: 0)) engine alone \(decimal(engineNsPerOrder)) ns "
            + "an order; 4 KiB durable write p50 \(disk.p50Us) us, p99 \(disk.p99Us) us"
    }
}

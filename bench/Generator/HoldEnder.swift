import Glibc
import Protocol

/// A payment service: confirms and cancels open holds one after the other, on a schedule, over a connection of its own.
public struct HoldEnder: ~Copyable {
    public struct Report: Sendable {
        public var ended = 0
        /// Answers other than that the hold has ended, by code.
        public var refused: [UInt16: Int] = [:]
        /// From the moment at which one was due, so that a late answer delays the next ones in what is measured too.
        public var latency = Latencies()

        public init() {}
    }

    private var connection: GeneratorConnection
    private let orders: [Id128]

    public init(_ plan: LoadPlan, orders: [Id128]) throws(LoadError) {
        connection = try GeneratorConnection(plan, shard: 0xffff)
        self.orders = orders
    }

    deinit { connection.close() }

    /// Ends `perSecond` holds a second until they are used up or the time is over. Blocks.
    public mutating func run(perSecond: Double, seconds: Double) throws(LoadError) -> Report {
        var report = Report()
        var latency = LatencyRecorder()
        let startUs = MonotonicClock.nowUs()
        for (index, order) in orders.enumerated() {
            let dueUs = startUs + UInt64(Double(index) / perSecond * 1e6)
            var nowUs = MonotonicClock.nowUs()
            if max(nowUs, dueUs) > startUs + UInt64(seconds * 1e6) { break }
            if dueUs > nowUs { usleep(UInt32(dueUs - nowUs)) }
            let code = try end(order, index % 3 == 0 ? .cancel : .confirm, requestId: UInt64(index) + 1)
            nowUs = MonotonicClock.nowUs()
            latency.record(us: nowUs - dueUs, nowUs: nowUs)
            if code == 0 { report.ended += 1 } else { report.refused[code, default: 0] += 1 }
        }
        report.latency = latency.latencies()
        return report
    }

    /// The code of the answer, or the status of a frame that was refused as a whole.
    private mutating func end(_ order: Id128, _ operation: Operation, requestId: UInt64) throws(LoadError) -> UInt16 {
        let length = Frame.headerSizeBytes + OrderIdEntry.sizeBytes
        let frame = connection.reserve(length)
        OrderIdEntry(orderId: order).store(to: frame + Frame.headerSizeBytes)
        FrameHeader.seal(frame, operation: operation.rawValue, requestId: requestId, count: 1, lengthBytes: length)
        let header = try connection.exchange(length)
        guard header.status == .ok else { return header.status.rawValue }
        return UnsafeRawPointer(connection.inBytes).loadLE(Frame.headerSizeBytes)
    }
}

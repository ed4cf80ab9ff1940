import CLinux
import Glibc
import Histogram
import Protocol

/// Drives a server with orders from one thread, over many connections, and measures what comes back.
///
/// Closed loop: each connection keeps `depth` frames in flight, so that the rate is what server and
/// generator can do together. Open loop: frames are due on a schedule, and latency counts from the moment
/// a frame was due, so that a stall of the server shows in full and not once (Tene's "coordinated omission").
public struct Generator: ~Copyable {
    private let plan: LoadPlan
    private var connections: [GeneratorConnection] = []
    private var orders: OrderSource
    private let epoll: Int32
    private var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .three)
    private var report = LoadReport()
    /// When each frame in flight began, by the lower bits of its request id.
    private let begunUs: UnsafeMutablePointer<UInt64>
    private static let begunCount = 1 << 20
    private var nextRequestId: UInt64 = 1
    private var countFromUs: UInt64 = 0
    private var nowUs: UInt64 = 0

    public init(_ plan: LoadPlan) throws(LoadError) {
        precondition(plan.connections > 0 && plan.depth > 0 && plan.batch > 0 && plan.batch <= Frame.batchCountMax)
        self.plan = plan
        orders = OrderSource(plan: plan, nowMs: Self.wallMs())
        epoll = ts_epoll_create()
        begunUs = .allocate(capacity: Self.begunCount)
        begunUs.initialize(repeating: 0, count: Self.begunCount)
        for index in 0..<plan.connections {
            let shard = plan.shards.map { UInt16(index % $0) } ?? 0xffff
            let connection = try GeneratorConnection(plan, shard: shard)
            connection.makeNonBlocking()
            ts_epoll_add(epoll, connection.socket, UInt64(index))
            connections.append(connection)
        }
    }

    deinit {
        for connection in connections { connection.close() }
        Glibc.close(epoll)
        begunUs.deallocate()
    }

    /// Runs the plan once.
    public mutating func run() throws(LoadError) -> LoadReport {
        let startUs = Self.monotonicUs()
        let startCPU = Self.threadCPUSeconds()
        countFromUs = startUs + UInt64(plan.warmUpSeconds * 1e6)
        let endUs = startUs + UInt64((plan.warmUpSeconds + plan.seconds) * 1e6)
        nowUs = startUs
        var due: UInt64 = 0
        if plan.framesPerSecond == nil {
            for index in connections.indices {
                for _ in 0..<plan.depth { addFrame(index, begunUs: nowUs) }
                try flush(index)
            }
        }
        let tags = UnsafeMutablePointer<UInt64>.allocate(capacity: 256)
        defer { tags.deallocate() }
        while nowUs < endUs {
            let count = ts_epoll_wait(epoll, tags, 256, plan.framesPerSecond == nil ? 100 : 0)
            nowUs = Self.monotonicUs()
            orders.nowMs = Self.wallMs()
            for index in 0..<max(0, Int(count)) {
                try read(Int(tags[index]))
                try flush(Int(tags[index]))
            }
            if let rate = plan.framesPerSecond {
                let target = UInt64(Double(nowUs - startUs) / 1e6 * rate)
                while due < target {
                    let index = Int(due % UInt64(connections.count))
                    addFrame(index, begunUs: startUs + UInt64(Double(due) / rate * 1e6))
                    try flush(index)
                    due += 1
                }
            }
        }
        report.seconds = Double(nowUs - countFromUs) / 1e6
        report.generatorCPU = (Self.threadCPUSeconds() - startCPU) / (Double(nowUs - startUs) / 1e6)
        report.unsent = UInt64(connections.reduce(0) { $0 + ($1.outEnd - $1.outStart) } / frameLength)
        report.p50Us = histogram.valueAtPercentile(50)
        report.p99Us = histogram.valueAtPercentile(99)
        report.p999Us = histogram.valueAtPercentile(99.9)
        report.p9999Us = histogram.valueAtPercentile(99.99)
        report.maxUs = histogram.max
        report.meanUs = histogram.mean
        return report
    }

    private var frameLength: Int { Frame.headerSizeBytes + plan.batch * OrderEntry.sizeBytes }

    private mutating func addFrame(_ index: Int, begunUs begun: UInt64) {
        let length = frameLength
        let frame = connections[index].reserve(length)
        for entry in 0..<plan.batch { orders.write(to: frame + Frame.headerSizeBytes + entry * OrderEntry.sizeBytes) }
        let requestId = nextRequestId
        nextRequestId += 1
        begunUs[Int(requestId) & (Self.begunCount - 1)] = begun
        FrameHeader.seal(
            frame, operation: Operation.order.rawValue, requestId: requestId, count: plan.batch, lengthBytes: length)
        connections[index].outEnd += length
        connections[index].inFlight += 1
    }

    private mutating func flush(_ index: Int) throws(LoadError) {
        guard connections[index].flush() else { throw LoadError(description: "the server closed a connection") }
    }

    /// Reads replies; in a closed loop each makes room for the next frame.
    private mutating func read(_ index: Int) throws(LoadError) {
        while true {
            let room = GeneratorConnection.inCapacity - connections[index].inEnd
            let bytes = connections[index].inBytes
            let got = recv(connections[index].socket, bytes + connections[index].inEnd, room, 0)
            if got <= 0 {
                if got < 0 && errno == EAGAIN { return }
                throw LoadError(description: "the server closed a connection")
            }
            let end = connections[index].inEnd + got
            var start = 0
            while end - start >= Frame.headerSizeBytes {
                let header = FrameHeader(UnsafeRawPointer(bytes + start))
                guard end - start >= header.lengthBytes else { break }
                take(header, UnsafeRawPointer(bytes + start))
                connections[index].inFlight -= 1
                if plan.framesPerSecond == nil { addFrame(index, begunUs: nowUs) }
                start += header.lengthBytes
            }
            if start > 0 { memmove(bytes, bytes + start, end - start) }
            connections[index].inEnd = end - start
            if got < room { return }
        }
    }

    private mutating func take(_ header: FrameHeader, _ frame: UnsafeRawPointer) {
        guard nowUs >= countFromUs else { return }
        report.frames += 1
        let begun = begunUs[Int(header.requestId) & (Self.begunCount - 1)]
        histogram.record(max(1, nowUs &- begun))
        if header.status != .ok { report.refused[header.status.rawValue, default: 0] += UInt64(plan.batch) }
        for entry in 0..<header.count {
            let code: UInt16 = frame.loadLE(Frame.headerSizeBytes + entry * OrderResult.sizeBytes)
            if code == 0 { report.accepted += 1 } else { report.refused[code, default: 0] += 1 }
        }
    }

    // MARK: Set-up and clocks

    /// Creates the plan's sales with a stock above any demand, over a connection of its own.
    public static func createSales(_ plan: LoadPlan, stock: UInt64, perUserLimit: UInt32) throws(LoadError) {
        var connection = try GeneratorConnection(plan, shard: 0xffff)
        defer { connection.close() }
        var first = 0
        while first < plan.saleIds.count {
            let count = min(Frame.catalogueBatchCountMax, plan.saleIds.count - first)
            let length = Frame.headerSizeBytes + count * CreateSaleEntry.sizeBytes
            let frame = connection.reserve(length)
            for index in 0..<count {
                let id = plan.saleIds[first + index]
                CreateSaleEntry(
                    operationId: .version7(timeMs: wallMs(), partition: Partition.catalogue, random: Partition.mix(id)),
                    saleId: id, stock: stock, startsAtMs: 0, endsAtMs: wallMs() + 86_400_000,
                    perUserLimit: perUserLimit, holdMs: 0, unitPrice: 100, name: Name("bench \(id)")!
                ).store(to: frame + Frame.headerSizeBytes + index * CreateSaleEntry.sizeBytes)
            }
            FrameHeader.seal(
                frame, operation: Operation.createSale.rawValue, requestId: 1, count: count, lengthBytes: length)
            let header = try connection.call(length)
            for index in 0..<header.count {
                let offset = Frame.headerSizeBytes + index * SaleResult.sizeBytes
                let code = ResultCode(rawValue: UnsafeRawPointer(connection.inBytes).loadLE(offset))
                guard code == .ok || code == .alreadyExists else {
                    throw LoadError(description: "cannot create sale \(plan.saleIds[first + index]): \(code)")
                }
            }
            first += count
        }
    }

    private static func monotonicUs() -> UInt64 { microseconds(CLOCK_MONOTONIC) }
    private static func wallMs() -> UInt64 { microseconds(CLOCK_REALTIME) / 1000 }
    private static func threadCPUSeconds() -> Double { Double(microseconds(CLOCK_THREAD_CPUTIME_ID)) / 1e6 }

    private static func microseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}

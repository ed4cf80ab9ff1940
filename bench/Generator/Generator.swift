import CLinux
import Glibc
import Protocol

/// Drives a server with one workload from one thread, over many connections, and measures what comes back.
///
/// Closed loop: each connection keeps `depth` frames in flight, so that the rate is what server and
/// generator can do together. Open loop: frames are due on a schedule, and latency counts from the moment
/// a frame was due, so that a stall of the server shows in full and not once (Tene's "coordinated omission").
public struct Generator: ~Copyable {
    private let plan: LoadPlan
    private let entrySizeBytes: Int
    private let resultSizeBytes: Int
    private var connections: [GeneratorConnection] = []
    private var entries: EntrySource
    private let epoll: Int32
    private var latency = LatencyRecorder()
    private var lateness = LatencyRecorder()
    private var report = LoadReport()
    /// When each frame in flight began, by the lower bits of its request id.
    private let begunUs: UnsafeMutablePointer<UInt64>
    private static let begunCount = 1 << 20
    /// The sockets that are ready.
    private let tags: UnsafeMutablePointer<UInt64>
    private static let tagCount = 256
    private var nextRequestId: UInt64 = 1
    private var framesInFlight = 0
    private var entriesLeft: Int
    private var countFromUs: UInt64 = 0
    private var nowUs: UInt64 = 0
    private var isDraining = false
    /// Entries that were accepted since the first one was sent: before, while and after anything is counted.
    public private(set) var acceptedInAll: UInt64 = 0

    /// What a wire other than timesale's own needs: the entries of one request before they are encoded, and how many
    /// requests a connection may have in flight.
    private let wire: (any OrderWire)?
    private let raw: UnsafeMutableRawPointer
    private let inFlightMax: Int

    public init(_ plan: LoadPlan) throws(LoadError) {
        precondition(plan.connections > 0 && plan.depth > 0 && plan.batch > 0 && plan.batch <= Frame.batchCountMax)
        precondition(plan.connections * plan.depth <= Self.begunCount, "more in flight than can be told apart")
        precondition(plan.wire == nil || (plan.workload == .order && plan.framesPerSecond == nil))
        self.plan = plan
        wire = plan.wire
        raw = .allocate(byteCount: plan.batch * plan.workload.operation.entrySizeBytes, alignment: 16)
        inFlightMax = Self.begunCount / plan.connections
        entrySizeBytes = plan.workload.operation.entrySizeBytes
        resultSizeBytes = plan.workload.operation.resultSizeBytes
        entries = EntrySource(plan: plan, nowMs: MonotonicClock.wallMs())
        entriesLeft = plan.entriesTotal ?? Int.max
        epoll = ts_epoll_create()
        begunUs = .allocate(capacity: Self.begunCount)
        begunUs.initialize(repeating: 0, count: Self.begunCount)
        tags = .allocate(capacity: Self.tagCount)
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
        tags.deallocate()
        raw.deallocate()
    }

    /// Runs the plan once.
    public mutating func run() throws(LoadError) -> LoadReport {
        let startUs = MonotonicClock.nowUs()
        let startCPU = MonotonicClock.threadCPUSeconds()
        let isCounted = plan.entriesTotal != nil
        countFromUs = isCounted ? startUs : startUs + UInt64(plan.warmUpSeconds * 1e6)
        let endUs = isCounted ? UInt64.max : countFromUs + UInt64(plan.seconds * 1e6)
        nowUs = startUs
        if let rate = plan.framesPerSecond {
            try runOpenLoop(rate, startUs: startUs, endUs: endUs)
        } else {
            try runClosedLoop(endUs: endUs)
        }
        report.seconds = Double(nowUs - countFromUs) / 1e6
        report.generatorCPU = (MonotonicClock.threadCPUSeconds() - startCPU) / (Double(nowUs - startUs) / 1e6)
        report.unsent = UInt64(connections.reduce(0) { $0 + ($1.outEnd - $1.outStart) } / frameLength(plan.batch))
        report.latency = latency.latencies
        report.lateness = lateness.latencies
        return report
    }

    /// After `run`: waits for the replies that are still due, so that all that was accepted is known.
    public mutating func drain(patienceSeconds: Double = 60) throws(LoadError) {
        isDraining = true
        let endUs = MonotonicClock.nowUs() + UInt64(patienceSeconds * 1e6)
        while framesInFlight > 0 {
            guard nowUs < endUs else { throw LoadError(description: "\(framesInFlight) requests have no reply") }
            try poll(timeoutNs: 100_000_000)
        }
    }

    private mutating func runClosedLoop(endUs: UInt64) throws(LoadError) {
        for index in connections.indices {
            for _ in 0..<plan.depth { addFrame(index, begunUs: nowUs) }
            try flush(index)
        }
        while nowUs < endUs && framesInFlight > 0 { try poll(timeoutNs: 100_000_000) }
    }

    /// To sleep for less costs a core more than it gives: at 50,000 frames/s it took 88 % of one in place of 66 %.
    private static let sleepMinUs: UInt64 = 30

    /// Sleeps until the next frame is due or a reply is there. It must not spin: the kernel's worker that completes a
    /// durable write may wait for this very CPU, and gets it from a thread that never sleeps only when that
    /// has used up its slice, milliseconds later. What a wake-up adds shows as lateness.
    private mutating func runOpenLoop(_ rate: Double, startUs: UInt64, endUs: UInt64) throws(LoadError) {
        _ = ts_set_precise_timers()
        var due: UInt64 = 0
        var dueUs = startUs
        while nowUs < endUs {
            let clockUs = MonotonicClock.nowUs()
            try poll(timeoutNs: dueUs > clockUs ? 1000 * max(Self.sleepMinUs, dueUs - clockUs) : 0)
            while dueUs <= nowUs {
                guard framesInFlight < Self.begunCount else {
                    throw LoadError(description: "the server is \(framesInFlight) frames behind the schedule")
                }
                let index = Int(due % UInt64(connections.count))
                addFrame(index, begunUs: dueUs)
                try flush(index)
                if dueUs >= countFromUs {
                    let sentUs = MonotonicClock.nowUs()
                    lateness.record(us: sentUs - dueUs, nowUs: sentUs)
                }
                due += 1
                dueUs = startUs + UInt64(Double(due) / rate * 1e6)
            }
        }
    }

    /// Serves the sockets that are ready.
    private mutating func poll(timeoutNs: UInt64) throws(LoadError) {
        try Interruption.check()
        let count = ts_epoll_wait(epoll, tags, Int32(Self.tagCount), timeoutNs)
        nowUs = MonotonicClock.nowUs()
        entries.nowMs = MonotonicClock.wallMs()
        for index in 0..<max(0, Int(count)) {
            try read(Int(tags[index]))
            try flush(Int(tags[index]))
        }
    }

    private func frameLength(_ count: Int) -> Int { Frame.headerSizeBytes + count * entrySizeBytes }

    private mutating func addFrame(_ index: Int, begunUs begun: UInt64) {
        let count = min(plan.batch, entriesLeft)
        guard count > 0 && !isDraining else { return }
        entriesLeft -= count
        if let wire { return addRequest(wire, index, count, begunUs: begun) }
        let length = frameLength(count)
        let frame = connections[index].reserve(length)
        let shard = plan.isOwnUsersOnly ? plan.shards.map { index % $0 } : nil
        for entry in 0..<count {
            entries.write(to: frame + Frame.headerSizeBytes + entry * entrySizeBytes, shard: shard)
        }
        let requestId = nextRequestId
        nextRequestId += 1
        begunUs[Int(requestId) & (Self.begunCount - 1)] = begun
        FrameHeader.seal(
            frame, operation: plan.workload.operation.rawValue, requestId: requestId, count: count, lengthBytes: length)
        connections[index].outEnd += length
        framesInFlight += 1
    }

    private mutating func addRequest(_ wire: any OrderWire, _ index: Int, _ count: Int, begunUs begun: UInt64) {
        for entry in 0..<count { entries.write(to: raw + entry * entrySizeBytes) }
        let room = connections[index].reserve(wire.requestBytesMax(orders: count))
        connections[index].outEnd += wire.writeRequest(raw, count: count, nowMs: entries.nowMs, to: room)
        begunUs[index * inFlightMax + connections[index].requestsSent % inFlightMax] = begun
        connections[index].requestsSent += 1
        framesInFlight += 1
    }

    private mutating func flush(_ index: Int) throws(LoadError) {
        guard connections[index].flush() else { throw LoadError(description: "the server closed a connection") }
    }

    /// Reads replies; in a closed loop each makes room for the next frame.
    private mutating func read(_ index: Int) throws(LoadError) {
        while true {
            let room = connections[index].inCapacity - connections[index].inEnd
            let bytes = connections[index].inBytes
            let got = recv(connections[index].socket, bytes + connections[index].inEnd, room, 0)
            if got <= 0 {
                if got < 0 && errno == EAGAIN { return }
                throw LoadError(description: "the server closed a connection")
            }
            nowUs = MonotonicClock.nowUs()
            let end = connections[index].inEnd + got
            var start = 0
            if let wire { start = try takeReplies(wire, index, end) }
            while wire == nil && end - start >= Frame.headerSizeBytes {
                let header = FrameHeader(UnsafeRawPointer(bytes + start))
                guard end - start >= header.lengthBytes else { break }
                take(header, UnsafeRawPointer(bytes + start))
                if plan.framesPerSecond == nil { addFrame(index, begunUs: nowUs) }
                start += header.lengthBytes
            }
            if start > 0 { memmove(bytes, bytes + start, end - start) }
            connections[index].inEnd = end - start
            if got < room { return }
        }
    }

    /// Takes the whole replies in the first `end` bytes of a connection, and answers how many bytes they were.
    private mutating func takeReplies(_ wire: any OrderWire, _ index: Int, _ end: Int) throws(LoadError) -> Int {
        var start = 0
        while start < end {
            var tally = OrderTally()
            let length = try wire.readReply(connections[index].inBytes + start, count: end - start, into: &tally)
            guard length > 0 else { break }
            start += length
            guard connections[index].repliesRead < connections[index].requestsSent else {
                throw LoadError(description: "the server answered more than it was asked")
            }
            let begun = begunUs[index * inFlightMax + connections[index].repliesRead % inFlightMax]
            connections[index].repliesRead += 1
            framesInFlight -= 1
            acceptedInAll += tally.accepted
            if nowUs >= countFromUs {
                report.frames += 1
                report.accepted += tally.accepted
                for (code, count) in tally.refused { report.refused[code, default: 0] += count }
                latency.record(us: nowUs &- begun, nowUs: nowUs)
            }
            addFrame(index, begunUs: nowUs)
        }
        return start
    }

    private mutating func take(_ header: FrameHeader, _ frame: UnsafeRawPointer) {
        framesInFlight -= 1
        let isCounted = nowUs >= countFromUs
        var accepted: UInt64 = 0
        for entry in 0..<header.count {
            let code: UInt16 = frame.loadLE(Frame.headerSizeBytes + entry * resultSizeBytes)
            if code == 0 {
                accepted += 1
            } else if isCounted {
                report.refused[code, default: 0] += 1
            }
        }
        acceptedInAll += accepted
        guard isCounted else { return }
        report.accepted += accepted
        report.frames += 1
        latency.record(us: nowUs &- begunUs[Int(header.requestId) & (Self.begunCount - 1)], nowUs: nowUs)
        if header.status != .ok { report.refused[header.status.rawValue, default: 0] += UInt64(plan.batch) }
    }
}

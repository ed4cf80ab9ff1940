import CLinux
import Glibc
import Protocol

/// Drives a server with one workload from one thread, over many connections, and measures what comes back.
///
/// Closed loop: each connection keeps `depth` frames in flight, so that the rate is what server and
/// generator can do together. Open loop: frames are due on a schedule, and latency counts from the moment
/// a frame was due, so that a stall of the server shows in full and not once (Tene's "coordinated omission").
public struct Generator: ~Copyable {
    let plan: LoadPlan
    private let operation: UInt8
    let entrySizeBytes: Int
    private let resultSizeBytes: Int
    /// Whether one entry gets any number of results.
    private let answersList: Bool
    /// In raw memory: an array is looked at for a second owner at each change of one of its elements.
    let connections: UnsafeMutableBufferPointer<GeneratorConnection>
    var entries: EntrySource
    private let epoll: Int32
    var latency = LatencyRecorder()
    private var lateness = LatencyRecorder()
    private var busyLatency = LatencyRecorder()
    var report = LoadReport()
    /// When each frame in flight began, by the lower bits of its request id.
    let begunUs: UnsafeMutablePointer<UInt64>
    static let begunCount = 1 << 20
    /// The sockets that are ready.
    private let tags: UnsafeMutablePointer<UInt64>
    private static let tagCount = 256
    private var nextRequestId: UInt64 = 1
    var framesInFlight = 0
    private var entriesLeft: Int
    var countFromUs: UInt64 = 0
    /// Where each journey is, beside `begunUs`; nil for workloads of one step.
    let journeys: UnsafeMutablePointer<Journey>?
    /// Steps that were accepted, but for the last one.
    var stepsAccepted: [UInt64]
    var acceptedInAll: UInt64 = 0
    private var refusedInAll: UInt64 = 0
    /// Whether the time is over, and only replies are waited for.
    var isDraining = false
    private var startUs: UInt64 = 0
    private var nextMomentUs: UInt64 = 0
    private var watch: ((Moment) -> Void)?
    var nowUs: UInt64 = 0

    /// What a wire other than timesale's own needs: the entries of one request before they are encoded, and how many
    /// requests a connection may have in flight.
    let wire: (any OrderWire)?
    /// Whether there is one: `wire` itself would be copied to be looked at.
    private let isForeign: Bool
    let raw: UnsafeMutableRawPointer
    let inFlightMax: Int

    public init(_ plan: LoadPlan) throws(LoadError) {
        precondition(plan.connections > 0 && plan.depth > 0 && plan.batch > 0 && plan.batch <= plan.workload.batchMax)
        precondition(plan.connections * plan.depth <= Self.begunCount, "more in flight than can be told apart")
        precondition(plan.wire == nil || (plan.workload == .order && plan.framesPerSecond == nil))
        self.plan = plan
        wire = plan.wire
        isForeign = plan.wire != nil
        operation = plan.workload.operation.rawValue
        raw = .allocate(byteCount: plan.batch * plan.workload.operation.entrySizeBytes, alignment: 16)
        inFlightMax = Self.begunCount / plan.connections
        entrySizeBytes = plan.workload.operation.entrySizeBytes
        resultSizeBytes = plan.workload.operation.resultSizeBytes
        answersList = plan.workload.operation.answersList
        entries = EntrySource(plan: plan, nowMs: MonotonicClock.wallMs())
        entriesLeft = plan.entriesTotal ?? plan.entriesMax ?? Int.max
        epoll = ts_epoll_create()
        begunUs = .allocate(capacity: Self.begunCount)
        begunUs.initialize(repeating: 0, count: Self.begunCount)
        tags = .allocate(capacity: Self.tagCount)
        journeys = plan.workload.isJourney ? .allocate(capacity: Self.begunCount) : nil
        stepsAccepted = [UInt64](repeating: 0, count: plan.workload.steps.count)
        var made: [GeneratorConnection] = []
        for index in 0..<plan.connections {
            let shard = plan.shards.map { UInt16(index % $0) } ?? 0xffff
            let connection = try GeneratorConnection(plan, shard: shard)
            connection.makeNonBlocking()
            ts_epoll_add(epoll, connection.socket, UInt64(index))
            made.append(connection)
        }
        connections = .allocate(capacity: made.count)
        _ = connections.initialize(from: made)
    }

    deinit {
        for connection in connections { connection.close() }
        connections.deallocate()
        Glibc.close(epoll)
        begunUs.deallocate()
        journeys?.deallocate()
        tags.deallocate()
        raw.deallocate()
    }

    /// Runs the plan once. `watch` sees what it comes to, ten times a second, if the plan accounts for everything.
    public mutating func run(watch: ((Moment) -> Void)? = nil) throws(LoadError) -> LoadReport {
        self.watch = watch
        startUs = MonotonicClock.nowUs()
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
        // Entries may be used up before the warm-up is over.
        report.seconds = Double(max(nowUs, countFromUs) - countFromUs) / 1e6
        report.generatorCPU = (MonotonicClock.threadCPUSeconds() - startCPU) / (Double(nowUs - startUs) / 1e6)
        report.unsent = UInt64(connections.reduce(0) { $0 + ($1.outEnd - $1.outStart) } / frameLength(plan.batch))
        if plan.isAccounted { try settle() }
        report.latency = latency.latencies()
        report.lateness = lateness.latencies()
        report.busyLatency = busyLatency.latencies()
        return report
    }

    /// Waits for what is in flight, and says what came of everything.
    private mutating func settle() throws(LoadError) {
        isDraining = true
        let patienceUs: UInt64 = 10_000_000
        let untilUs = nowUs + patienceUs
        while framesInFlight > 0 && nowUs < untilUs { try poll(timeoutNs: 100_000_000) }
        report.account.unknown += UInt64(framesInFlight * plan.batch)
        for (step, operation) in plan.workload.steps.enumerated() {
            report.account.accepted[operation] = stepsAccepted[step]
        }
        report.account.accepted[plan.workload.operation] = acceptedInAll
        report.account.demand = entries.demand
        noteMoment()
    }

    private mutating func noteMoment() {
        let moment = Moment(
            seconds: Double(nowUs - startUs) / 1e6, accepted: acceptedInAll, refused: refusedInAll,
            p99Us: latency.lastTenthP99Us)
        report.timeline.append(moment)
        nextMomentUs = nowUs + 100_000
        watch?(moment)
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
        while nowUs < endUs && (entriesLeft > 0 || framesInFlight > 0) {
            let clockUs = MonotonicClock.nowUs()
            try poll(timeoutNs: dueUs > clockUs ? 1000 * max(Self.sleepMinUs, dueUs - clockUs) : 0)
            while dueUs <= nowUs && entriesLeft > 0 {
                guard report.account.connectionsLost < connections.count else { return }
                guard framesInFlight < Self.begunCount else {
                    throw LoadError(description: "the server is \(framesInFlight) frames behind the schedule")
                }
                var index = Int(due % UInt64(connections.count))
                while connections[index].isLost { index = (index + 1) % connections.count }
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
        if plan.isAccounted && nowUs >= nextMomentUs { noteMoment() }
        for index in 0..<max(0, Int(count)) {
            try read(Int(tags[index]))
            try flush(Int(tags[index]))
        }
    }

    private func frameLength(_ count: Int) -> Int { Frame.headerSizeBytes + count * entrySizeBytes }

    mutating func addFrame(_ index: Int, begunUs begun: UInt64) {
        let count = min(plan.batch, entriesLeft)
        guard count > 0, !isDraining, !connections[index].isLost else { return }
        entriesLeft -= count
        let shard = plan.isOwnUsersOnly ? plan.shards.map { index % $0 } : nil
        if isForeign { return addRequest(index, count, begunUs: begun) }
        if journeys != nil { return addStep(index, entries.journey(shard: shard), begunUs: begun) }
        let length = frameLength(count)
        let frame = connections[index].reserve(length)
        for entry in 0..<count {
            entries.write(to: frame + Frame.headerSizeBytes + entry * entrySizeBytes, shard: shard)
        }
        let requestId = claimRequest(begunUs: begun)
        FrameHeader.seal(frame, operation: operation, requestId: requestId, count: count, lengthBytes: length)
        connections[index].outEnd += length
        connections[index].framesInFlight += 1
        framesInFlight += 1
    }

    /// The id of the next request, whose time runs from `begun` on.
    mutating func claimRequest(begunUs begun: UInt64) -> UInt64 {
        let requestId = nextRequestId
        nextRequestId += 1
        begunUs[Int(requestId) & (Self.begunCount - 1)] = begun
        return requestId
    }

    private mutating func flush(_ index: Int) throws(LoadError) {
        if connections[index].isLost { return }
        guard connections[index].flush() else { return try lose(index) }
        let awaitsRoom = connections[index].outStart < connections[index].outEnd
        if awaitsRoom == connections[index].awaitsRoom { return }
        connections[index].awaitsRoom = awaitsRoom
        _ = ts_epoll_await_room(epoll, connections[index].socket, UInt64(index), awaitsRoom ? 1 : 0)
    }

    /// What a broken connection had in flight may have been done or not.
    private mutating func lose(_ index: Int) throws(LoadError) {
        guard plan.isAccounted else { throw LoadError(description: "the server closed a connection") }
        if connections[index].isLost { return }
        report.account.unknown += UInt64(connections[index].framesInFlight * plan.batch)
        report.account.connectionsLost += 1
        framesInFlight -= connections[index].framesInFlight
        connections[index].framesInFlight = 0
        connections[index].isLost = true
    }

    /// Reads replies; in a closed loop each makes room for the next frame.
    private mutating func read(_ index: Int) throws(LoadError) {
        while !connections[index].isLost {
            let room = connections[index].inCapacity - connections[index].inEnd
            let bytes = connections[index].inBytes
            let got = recv(connections[index].socket, bytes + connections[index].inEnd, room, 0)
            if got <= 0 {
                if got < 0 && errno == EAGAIN { return }
                return try lose(index)
            }
            nowUs = MonotonicClock.nowUs()
            let end = connections[index].inEnd + got
            let start = isForeign ? try takeReplies(index, end) : takeFrames(index, end)
            if start > 0 { memmove(bytes, bytes + start, end - start) }
            connections[index].inEnd = end - start
            if got < room { return }
        }
    }

    /// Takes the whole frames in the first `end` bytes of a connection, and answers how many bytes they were.
    private mutating func takeFrames(_ index: Int, _ end: Int) -> Int {
        let bytes = UnsafeRawPointer(connections[index].inBytes)
        var start = 0
        while end - start >= Frame.headerSizeBytes {
            let header = FrameHeader(bytes + start)
            guard end - start >= header.lengthBytes else { break }
            if journeys == nil || !goOn(index, header, bytes + start) {
                take(index, header, bytes + start)
                if plan.framesPerSecond == nil { addFrame(index, begunUs: nowUs) }
            }
            start += header.lengthBytes
        }
        return start
    }

    /// What comes while only replies are waited for is not of the time that is measured; of an open loop it was due
    /// in it, and how late it came counts.
    private mutating func take(_ index: Int, _ header: FrameHeader, _ frame: UnsafeRawPointer) {
        framesInFlight -= 1
        connections[index].framesInFlight -= 1
        let isCounted = nowUs >= countFromUs && !isDraining
        if isCounted || isDraining && plan.framesPerSecond != nil {
            let us = nowUs &- begunUs[Int(header.requestId) & (Self.begunCount - 1)]
            if header.status == .busy {
                busyLatency.record(us: us, nowUs: nowUs)
                report.busyFrames += 1
                if header.retryAfterMs > 0 { report.busyFramesWithHint += 1 }
            } else {
                latency.record(us: us, nowUs: nowUs)
            }
        }
        guard isCounted || plan.isAccounted else { return }
        if isCounted { report.frames += 1 }
        if header.status != .ok { refuse(header.status.rawValue, UInt64(plan.batch), isCounted) }
        var accepted: UInt64 = 0
        if answersList {
            accepted = header.status == .ok ? 1 : 0
        } else {
            for entry in 0..<header.count {
                let code: UInt16 = frame.loadLE(Frame.headerSizeBytes + entry * resultSizeBytes)
                if code == 0 { accepted += 1 } else { refuse(code, 1, isCounted) }
            }
        }
        acceptedInAll += accepted
        if isCounted { report.accepted += accepted }
    }

    mutating func refuse(_ code: UInt16, _ count: UInt64, _ isCounted: Bool) {
        if isCounted { report.refused[code, default: 0] += count }
        if plan.isAccounted {
            report.account.refused[code, default: 0] += count
            refusedInAll += count
        }
    }
}

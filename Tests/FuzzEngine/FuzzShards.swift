public import Engine
import Fuzzing
public import Log
public import Protocol
import Shard
public import SimulatedStorage

/// The shards of a server without sockets, on a simulated disk, one turn after the other: frames go in as the reactor
/// hands them over, replies come out.
public final class FuzzShards {
    public static let startMs: UInt64 = 1_767_225_600_000
    public static let retainMs: UInt64 = 3_600_000
    private static let segmentSizeBytes = 1 << 20
    private static let blockSizeMaxBytes = 1 << 16

    public let shards: Int
    public let storage = SimulatedStorage()
    public var nowMs = startMs
    public private(set) var replies: [(header: FrameHeader, body: [UInt8])] = []
    /// Work in hand that its turn has left: its frame has to stay.
    private var hand: UnsafeMutableRawPointer?
    private let cores: UnsafeMutablePointer<ShardCore>
    private let state: RecoveredState
    private let sequence: UnsafeMutablePointer<UInt64>
    private var writes: [[WriteCommand]]
    private let memory = FuzzMemory()

    public static func configuration(shards: Int) -> RecoveryConfiguration {
        RecoveryConfiguration(
            shards: shards, segmentSizeBytes: segmentSizeBytes,
            capacities: Capacities(
                users: 64, orders: 256, tombstones: 16, transactions: 64, checkouts: 32, coupons: 32, offers: 8,
                catalogueOperations: 32), retainMs: retainMs, hashSeed: 5)
    }

    public init(shards: Int) {
        self.shards = shards
        let source = memory.source
        guard
            let state = try? Recovery.recover(
                storage: storage, configuration: Self.configuration(shards: shards), memory: source, nowMs: nowMs,
                note: { _ in })
        else { violated("an empty directory is refused") }
        self.state = state
        sequence = .allocate(capacity: 1)
        sequence.initialize(to: state.lastSequence)
        writes = Array(repeating: [], count: shards)
        cores = .allocate(capacity: shards)
        let mesh = Mesh(shards: shards, memory: source)
        let statistics = StatisticsBoard(shards: shards, memory: source)
        let board = DurableBoard(shards: shards, counter: sequence, memory: source)
        let instance = InstanceFacts(instance: 1, retainMs: Self.retainMs, inFlightMaxBytes: 1 << 20)
        for (shard, recovered) in state.shards.enumerated() {
            let writer = LogWriter(
                identity: recovered.identity, mode: .always, position: recovered.position, events: recovered.events,
                board: board, memory: source, blockSizeMaxBytes: Self.blockSizeMaxBytes)
            (cores + shard).initialize(
                to: ShardCore(
                    engine: recovered.engine, writer: writer, mesh: mesh, statistics: statistics,
                    instance: instance, memory: source, gatedReplyBytes: 3 << 20, assembliesMax: 64))
        }
    }

    deinit {
        hand?.deallocate()
        cores.deinitialize(count: shards).deallocate()
        state.release()
        sequence.deallocate()
    }

    /// One turn of a shard, as `ShardCore` describes it; the disk has done everything by the next one.
    public func turn(_ shard: Int) {
        let core = cores + shard
        core.pointee.beginTurn()
        for write in writes[shard] {
            storage.complete(log: state.shards[shard].identity.logId, ticket: write.ticket, isDurable: true)
            core.pointee.writer.writeCompleted(ticket: write.ticket)
        }
        writes[shard] = []
        core.pointee.advance(nowMs: nowMs)
        if core.pointee.isWorking { finish(core, core.pointee.resume(nowMs: nowMs)) }
        if !core.pointee.isWorking { finish(core, core.pointee.pollMesh(nowMs: nowMs)) }
        _ = core.pointee.expireHolds(nowMs: nowMs)
        _ = core.pointee.retire(isBusy: false, nowMs: nowMs)
        prepareSegment(shard)
        if let command = core.pointee.seal(nowMs: nowMs) {
            storage.begin(command, log: state.shards[shard].identity.logId)
            writes[shard].append(command)
        }
        collectReplies(core)
    }

    /// Settles takes; what has paused for a turn stays in hand.
    private func finish(_ core: UnsafeMutablePointer<ShardCore>, _ progress: WorkProgress) {
        var progress = progress
        while progress == .takesUnits {
            while true {
                let answer = core.pointee.stepTake(nowMs: nowMs)
                if answer == .taken || answer == .soldOut { break }
            }
            progress = core.pointee.resume(nowMs: nowMs)
        }
    }

    private func prepareSegment(_ shard: Int) {
        let (core, identity) = (cores + shard, state.shards[shard].identity)
        guard let number = core.pointee.writer.segmentToPrepare else { return }
        do {
            try Recovery.prepareSegment(
                storage: storage, log: identity.logId, number: number, sizeBytes: Self.segmentSizeBytes)
        } catch {
            violated("a segment cannot be made: \(error)")
        }
        core.pointee.writer.segmentIsPrepared(number)
    }

    private func collectReplies(_ core: UnsafeMutablePointer<ShardCore>) {
        while let (_, stretch, sizeBytes, frames) = core.pointee.nextReply() {
            var offset = 0
            for _ in 0..<frames {
                let reply = stretch + offset
                let header = FrameHeader(reply)
                expect(FrameHeader.hasMagic(reply) && header.lengthBytes <= sizeBytes - offset, "a reply is cut short")
                expect(header.checksumMatches(reply), "the checksum of a reply is wrong: \(header)")
                let body = UnsafeRawBufferPointer(start: reply, count: header.lengthBytes)
                replies.append((header, Array(body.dropFirst(Frame.headerSizeBytes))))
                offset += header.lengthBytes
            }
            expect(offset == sizeBytes, "\(frames) replies have \(sizeBytes) bytes, not \(offset)")
            core.pointee.removeReply()
        }
    }

    /// The replies since the last call.
    public func takeReplies() -> [(header: FrameHeader, body: [UInt8])] {
        defer { replies = [] }
        return replies
    }

    /// Hands over what a connection of a shard has sent, from a whole frame on that has been examined. Answers how many
    /// frames were begun.
    public func begin(_ bytes: UnsafeRawBufferPointer, on shard: Int, isAdmin: Bool) -> Int {
        let core = cores + shard
        for _ in 0..<64 where core.pointee.isWorking { turn(shard) }
        expect(!core.pointee.isWorking, "work does not come to its end")
        hand?.deallocate()
        let frame = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        frame.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        hand = frame
        core.pointee.beginTurn()
        let header = FrameHeader(frame)
        let frames = core.pointee.runLength(frame, header, availableBytes: bytes.count)
        for attempt in 0..<64 {
            let progress = core.pointee.begin(
                frame, header, frames: frames, connection: 3, isAdmin: isAdmin, nowMs: nowMs)
            if progress == .blocked {
                expect(attempt < 63, "there is never room for a reply")
                turn(shard)
                core.pointee.beginTurn()
                continue
            }
            finish(core, progress)
            break
        }
        if let aside = core.pointee.takeAside() {
            let isAnswered = core.pointee.answerAside(
                aside, status: .busy, count: 0, results: UnsafeRawBufferPointer(start: nil, count: 0))
            expect(isAnswered, "there is no room for a reply of no results")
        }
        return frames
    }

    /// Turns of all shards until nothing is under way.
    public func settle() {
        for _ in 0..<200 {
            for shard in 0..<shards { turn(shard) }
            if (0..<shards).allSatisfy({ isQuiet($0) }) { return }
        }
        violated("the shards do not come to rest")
    }

    private func isQuiet(_ shard: Int) -> Bool {
        cores[shard].isQuiet && !cores[shard].meshHasMessages() && !state.shards[shard].engine.pointee.hasReleases
    }

    public func refuse(_ status: ResultCode, _ header: FrameHeader, on shard: Int) {
        _ = cores[shard].refuseFrame(status, header, 3)
    }

    /// Only when nothing is under way.
    public var digest: UInt64 { state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() } }

    /// What every sale and policy has. Only when nothing is under way.
    public func checkOffers() {
        let catalogue = Partition.owner(of: Partition.catalogue, shards: shards)
        checkStock(of: state.shards[catalogue].engine, nowMs: nowMs)
    }
}

/// Promise 1, and that no unit is lost: all offers of an engine's catalogue.
public func checkStock(of engine: UnsafeMutablePointer<Engine>, nowMs: UInt64) {
    let results = UnsafeMutableRawPointer.allocate(byteCount: Frame.sizeMaxBytes, alignment: 16)
    defer { results.deallocate() }
    withUnsafeTemporaryAllocation(byteCount: ListOffersEntry.sizeBytes, alignment: 8) { entry in
        let list = entry.baseAddress!
        ListOffersEntry(after: 0, limit: 1000, stateMask: 0).store(to: list)
        let sales = engine.pointee.answer(.listSales, list, results: results, nowMs: nowMs)
        for index in 0..<sales.count {
            let sale = SaleResult(results + index * SaleResult.sizeBytes)
            let (given, overflow) = sale.held.addingReportingOverflow(sale.sold)
            expect(!overflow && given <= sale.stock, "sale \(sale.saleId) is oversold: \(sale)")
            expect(given + sale.available == sale.stock, "units of sale \(sale.saleId) are lost: \(sale)")
        }
        let policies = engine.pointee.answer(.listPolicies, list, results: results, nowMs: nowMs)
        for index in 0..<policies.count {
            let policy = PolicyResult(results + index * PolicyResult.sizeBytes)
            expect(policy.issued <= policy.quantity, "policy \(policy.policyId) has issued too many: \(policy)")
        }
    }
}

extension RecoveredState {
    /// Ends the engines; their tables go with the memory they were made in.
    public func release() {
        for shard in shards {
            shard.engine.deinitialize(count: 1)
            shard.events.deinitialize(count: 1)
        }
        shards[0].engine.deallocate()
        shards[0].events.deallocate()
    }
}

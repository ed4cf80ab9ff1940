import Engine
import Glibc
import Protocol
import TestSupport
import Testing

@testable import Shard

/// Shows that replies come out as they went in, that no reply is put where another lies, and that the queue
/// says exactly whether there is room: random replies against a plain list of them and of the bytes they occupy.
@Suite struct ReplyQueueTests {
    /// The largest message that `ShardCore` puts into a queue.
    static let lengthMaxBytes = ShardCore.replyMaxBytes

    @Test(arguments: [3 << 20, 4 << 20, 16 << 20], [UInt64(1), 2, 3])
    func repliesComeOutAsTheyWentIn(_ capacityBytes: Int, _ seed: UInt64) {
        var run = QueueRun(capacityBytes: capacityBytes, seed: seed)
        for step in 0..<6000 {
            run.step()
            if let fault = run.fault {
                Issue.record("capacity \(capacityBytes), seed \(seed), step \(step): \(fault)")
                return
            }
        }
        let tried = run.tried
        // A run that never came to an edge has shown nothing about it.
        #expect(tried.refused > 20 && tried.emptied > 20 && tried.unused > 20 && tried.shortened > 20, "\(tried)")
        #expect(tried.turnsAtEnd > 0 && tried.turnsBefore > 0, "\(tried)")
        #expect(tried.largest >= Self.lengthMaxBytes - 8, "\(tried)")
    }

    /// An empty queue takes what the shard asks it for before it begins a frame, wherever it stands; else a
    /// shard would wait for replies to leave that are not there.
    @Test(arguments: [3 << 20, 4 << 20, 16 << 20]) func anEmptyQueueTakesTheLargestReply(_ capacityBytes: Int) {
        var run = QueueRun(capacityBytes: capacityBytes, seed: 7)
        for step in 0..<4000 {
            run.append(lengthBytes: [0, 7, 4000, 700_000][step % 4])
            run.remove()
            let room = run.queue.hasRoom(capacityBytes / 2 - ReplyQueue.recordHeaderBytes - 8)
            if !room || run.fault != nil {
                Issue.record("step \(step): no room in an empty queue, or \(run.fault ?? "no other fault")")
                return
            }
        }
    }

    /// A queue that is short goes back to the front soon, and stays in the cache; and it always has room for the
    /// largest reply, without which a shard begins nothing.
    @Test(arguments: [3, 40, 400]) func aShortQueueStaysAtTheFront(_ waiting: Int) {
        var run = QueueRun(capacityBytes: 16 << 20, seed: 9)
        var (end, shortOfRoom) = (0, 0)
        for step in 0..<20_000 {
            run.append(lengthBytes: 1000 + step % 100)
            end = max(end, run.tail)
            if !run.queue.hasRoom(Self.lengthMaxBytes) { shortOfRoom += 1 }
            if step >= waiting { run.remove() }
        }
        let (fault, turns) = (run.fault, run.tried.turnsBefore)
        #expect(fault == nil)
        #expect(shortOfRoom == 0)
        #expect(end < Self.lengthMaxBytes + 2 * (waiting + 2) * 1128, "it came to \(end)")
        #expect(turns > 8)
    }

    /// Whole blocks of replies leave at once, when the disk has them: as long as no more waits behind them than before
    /// them, there is room.
    @Test func aQueueThatEmptiesInBlocksHasRoom() {
        var run = QueueRun(capacityBytes: 16 << 20, seed: 10)
        var shortOfRoom = 0
        for _ in 0..<500 {
            for _ in 0..<17 {
                run.append(lengthBytes: 7168)
                if !run.queue.hasRoom(Self.lengthMaxBytes) { shortOfRoom += 1 }
            }
            while run.queue.waitingBytes > 17 * 7192 { run.remove() }
        }
        let (fault, turns) = (run.fault, run.tried.turnsBefore)
        #expect(fault == nil && shortOfRoom == 0 && turns > 20)
    }

    @Test func aDestinationIsAConnectionOrAnAssembly() {
        for token in [0, 1, 1 << 62, UInt64.max >> 1] {
            let destination = ReplyDestination(connection: token)
            #expect(destination.connection == token)
            #expect(ReplyDestination(rawValue: destination.rawValue) == destination)
        }
        for shard in [0, 1, 63] {
            for assembly in [0, 1, UInt32.max] {
                let destination = ReplyDestination(shard: shard, assembly: assembly)
                #expect(destination.connection == nil)
                #expect(destination.shard == shard && destination.assembly == assembly)
            }
        }
    }

    @Test func aConnectionThatLooksLikeAnAssemblyIsTheCallersFault() async {
        await #expect(processExitsWith: .failure) { _ = ReplyDestination(connection: 1 << 63) }
    }
}

/// A queue, and beside it what should be in it.
private struct QueueRun: ~Copyable {
    struct Record {
        var start: Int
        var sizeBytes: Int
        var destination: ReplyDestination
        var waitLsn: UInt64
        var lengthBytes: Int
        var pattern: UInt8
    }

    struct Tried {
        var refused = 0
        var emptied = 0
        /// Places that were reserved and not used, and those that were used in part.
        var unused = 0
        var shortened = 0
        /// Returns to the front because the end was reached, and before it was.
        var turnsAtEnd = 0
        var turnsBefore = 0
        var largest = 0
    }

    var queue: ReplyQueue
    private(set) var fault: String?
    private(set) var tried = Tried()
    /// Where the next record lies, unless it goes to the front.
    private(set) var tail = 0

    private let arena = Arena()
    private let base: UnsafeMutableRawPointer
    private let capacityBytes: Int
    private var mint: IdMint
    private var records: [Record] = []
    /// The oldest of `records` that is still there.
    private var first = 0
    private var count: UInt64 = 0
    /// Of the records that are still there.
    private var waitingBytes = 0
    private var fills = true

    init(capacityBytes: Int, seed: UInt64) {
        self.capacityBytes = capacityBytes
        mint = IdMint(seed: seed)
        queue = ReplyQueue(
            capacityBytes: capacityBytes, lengthMaxBytes: ReplyQueueTests.lengthMaxBytes, memory: arena.memory)
        base = arena.lastAllocation
    }

    private mutating func below(_ bound: Int) -> Int { Int(mint.random() % UInt64(bound)) }

    mutating func step() {
        if below(100) == 0 { fills.toggle() }
        if below(10) < (fills ? 7 : 3) { append(lengthBytes: length()) } else { remove() }
    }

    private mutating func length() -> Int {
        switch below(12) {
        case 0...5: below(200)
        case 6...8: below(8 << 10)
        case 9: below(100 << 10)
        case 10: ReplyQueueTests.lengthMaxBytes - below(9)
        // Exactly what is left, or a step more.
        default: max(0, room - ReplyQueue.recordHeaderBytes - 7 + below(16))
        }
    }

    /// The largest record that fits, in bytes: behind the newest one or before the oldest, never right up to it,
    /// since then full would look like empty.
    private var room: Int {
        let head = first < records.count ? records[first].start : tail
        return tail < head ? head - tail - 8 : max(capacityBytes - tail, head - 8)
    }

    private static func size(_ lengthBytes: Int) -> Int { (24 + lengthBytes + 7) / 8 * 8 }

    mutating func append(lengthBytes: Int) {
        let hasRoom = queue.hasRoom(lengthBytes)
        if hasRoom != (Self.size(lengthBytes) <= room) {
            return fault = "room for \(lengthBytes): \(hasRoom), there are \(room) bytes in a row"
        }
        guard hasRoom else { return tried.refused += 1 }
        tried.largest = max(tried.largest, lengthBytes)
        let place = queue.reserve(lengthBytes)
        take(place - base - 24, Self.size(lengthBytes))
        // What is put together there may take all of it.
        count += 1
        let pattern = UInt8(truncatingIfNeeded: count &* 41 >> 2)
        memset(place, Int32(pattern), lengthBytes)
        switch below(10) {
        case 0: tried.unused += 1
        case 1:
            tried.shortened += 1
            commit(pattern, below(lengthBytes + 1))
        default: commit(pattern, lengthBytes)
        }
    }

    /// The queue has given this range away: nothing else may lie there.
    private mutating func take(_ start: Int, _ sizeBytes: Int) {
        if start != tail {
            if start != 0 { fault = "a place at \(start), neither the front nor the end \(tail)" }
            if tail + sizeBytes > capacityBytes { tried.turnsAtEnd += 1 } else { tried.turnsBefore += 1 }
            tail = 0
        }
        if start < 0 || start + sizeBytes > capacityBytes { fault = "\(sizeBytes) bytes at \(start)" }
        // Records lie one behind the other, so the neighbours of the place are the oldest and the newest.
        for record in [records[first...].first, records[first...].last].compactMap({ $0 }) {
            if start < record.start + record.sizeBytes && record.start < start + sizeBytes {
                fault = "\(sizeBytes) bytes at \(start), where \(record) lies"
            }
        }
    }

    private mutating func commit(_ pattern: UInt8, _ lengthBytes: Int) {
        let token = mint.random() >> 1
        let destination =
            below(3) == 0 ? ReplyDestination(shard: below(64), assembly: UInt32(below(5000)))
            : ReplyDestination(connection: token)
        let record = Record(
            start: tail, sizeBytes: Self.size(lengthBytes), destination: destination, waitLsn: mint.random(),
            lengthBytes: lengthBytes, pattern: pattern)
        queue.commit(destination, waitLsn: record.waitLsn, lengthBytes)
        records.append(record)
        tail += record.sizeBytes
        waitingBytes += record.sizeBytes
        if queue.waitingBytes != waitingBytes { fault = "\(queue.waitingBytes) bytes wait, not \(waitingBytes)" }
    }

    mutating func remove() {
        guard first < records.count else {
            if !queue.isEmpty || queue.front() != nil { fault = "something is left in an empty queue" }
            return
        }
        let expected = records[first]
        guard let front = queue.front(), !queue.isEmpty else { return fault = "\(expected) is not there" }
        let isSame =
            front.destination == expected.destination && front.waitLsn == expected.waitLsn
            && front.lengthBytes == expected.lengthBytes && front.reply == base + expected.start + 24
        if !isSame { return fault = "\(front), not \(expected)" }
        let bytes = UnsafeRawBufferPointer(start: front.reply, count: front.lengthBytes)
        if !isAll(expected.pattern, bytes) { return fault = "the bytes of \(expected) have changed" }
        queue.removeFront()
        first += 1
        waitingBytes -= expected.sizeBytes
        if queue.waitingBytes != waitingBytes { fault = "\(queue.waitingBytes) bytes wait, not \(waitingBytes)" }
        if first == records.count { tried.emptied += 1 }
    }
}

/// Whether each byte is this one: the first is, and each is like the one before it.
func isAll(_ byte: UInt8, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let first = bytes.first else { return true }
    return first == byte && memcmp(bytes.baseAddress!, bytes.baseAddress! + 1, bytes.count - 1) == 0
}

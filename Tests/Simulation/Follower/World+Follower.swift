import Engine
import Log
import Protocol
import Shard

// Somebody who follows the logs, as over `tail`: every durable event once, in the order of the sequences, over all
// crashes; and none that a crash could undo. Promises 3 and 5.

/// What the follower of this world needs. It keeps its place when the process ends.
struct FollowerWorld {
    var dice: Dice
    var place = LogPlace(sequence: 0)
    var follower: TailFollower?
    /// Of the blocks that each shard keeps in memory: few, so that it falls behind and reads from the disk.
    let recentSizeBytes: Int
    let stepPerMille: Int

    /// Nil in half of all seeds.
    init?(seed: UInt64) {
        dice = Dice(seed: seed, part: Dice.tailPart)
        guard dice.chance(500) else { return nil }
        recentSizeBytes = dice.pick([1 << 16, 1 << 17, 1 << 20])
        stepPerMille = dice.pick([2, 20, 150])
    }

    /// The process ends, or the follower loses its connection.
    mutating func end() { follower = nil }
}

extension World {
    func recentBlocks(shards: Int) -> [RecentBlocks] {
        guard follower != nil || isStreaming else { return [] }
        let sizeBytes = follower?.recentSizeBytes ?? 1 << 17
        return (0..<shards).map { _ in RecentBlocks(memory: memory.source, sizeBytes: sizeBytes) }
    }

    /// Blocks are undone by a crash: nobody may have seen them.
    func checkFollowed(_ undone: ArraySlice<LogModel.Block>) throws(Violation) {
        if undone.isEmpty { return }
        let sequences = Set(undone.map { $0.bytes.withUnsafeBytes { BlockHeader($0.baseAddress!).sequence } })
        try checkStreamed(sequences)
        let seen = history.remove(sequences: sequences, seen: follower?.place ?? LogPlace(sequence: 0))
        if follower != nil { coverage[.blocksNotFollowed] += undone.count }
        if let seen {
            throw Violation(
                5, "a follower has seen event \(seen.place.index) of block \(seen.place.sequence), which a crash undid")
        }
    }

    /// Now and then the follower asks for what is new, or goes and comes again.
    func stepFollower() throws(Violation) {
        guard follower != nil, follower!.dice.chance(follower!.stepPerMille) else { return }
        if !isCalm && follower!.dice.chance(30) {
            follower!.follower = nil
            let isLast = !isStreaming && follower!.dice.chance(500)
            if isLast { for blocks in machine.recent { blocks.isWanted = false } }
            return
        }
        try follow(limit: follower!.dice.pick([1, 7, 200]))
    }

    private func follow(limit: Int) throws(Violation) {
        let cut = machine.board.cut()
        let results = UnsafeMutableRawBufferPointer.allocate(byteCount: limit * TailResult.sizeBytes, alignment: 8)
        defer { results.deallocate() }
        let count: Int
        do throws(TailFault) {
            if follower!.follower == nil {
                for blocks in machine.recent { blocks.isWanted = true }
                follower!.follower = try TailFollower(
                    storage: storage, after: follower!.place, recent: machine.recent)
            }
            count = try follower!.follower!.read(into: results.baseAddress!, limit: limit, upTo: cut)
        } catch {
            follower!.follower = nil
            return try passOver(error)
        }
        let events = history.events
        var next = history.index(behind: follower!.place)
        for index in 0..<count {
            try check(UnsafeRawPointer(results.baseAddress! + index * TailResult.sizeBytes), events, next)
            next += 1
        }
        follower!.place = follower!.follower!.place
        guard history.index(behind: follower!.place) == next else {
            throw Violation(3, "the follower has been brought past event \(events[next].place), and has not seen it")
        }
        coverage[.eventsFollowed] += count
    }

    /// One event, as it is handed out, against the next one that the logs have.
    private func check(
        _ result: UnsafeRawPointer, _ events: [EventHistory.Event], _ next: Int
    ) throws(Violation) {
        let found = TailResult(result)
        let place = LogPlace(sequence: found.sequence, index: found.index)
        guard next < events.count, events[next].place == place, events[next].shard == Int(found.shard) else {
            throw Violation(
                3,
                "the follower sees event \(place.index) of block \(place.sequence); the next one is "
                    + "\(next < events.count ? "\(events[next].place)" : "none")")
        }
        let bytes = UnsafeRawBufferPointer(start: result + TailResult.eventOffset, count: events[next].bytes.count)
        guard bytes.elementsEqual(events[next].bytes) else {
            throw Violation(3, "event \(place.index) of block \(place.sequence) is not what was sealed")
        }
        let open = model.tails[Int(found.shard)].first { !$0.isSynced }
        let isOpen = open.map {
            $0.bytes.withUnsafeBytes { BlockHeader($0.baseAddress!).sequence } <= place.sequence
        }
        if isOpen ?? false {
            throw Violation(5, "the follower sees block \(place.sequence), which a power loss could undo")
        }
    }

    /// The log does not reach back as far as the follower's place: only if it truly does not.
    private func passOver(_ fault: TailFault) throws(Violation) {
        guard case .trimmed(let oldest) = fault, let manifest = manifest(),
            follower!.place < LogPlace(sequence: oldest), manifest.bases[0].sequence == oldest
        else { throw Violation(3, "the log cannot be followed behind \(follower!.place): \(fault)") }
        trace.note(50, oldest, "the follower is at \(follower!.place.sequence), the log begins behind \(oldest)")
        coverage[.followersTrimmed] += 1
        follower!.place = LogPlace(sequence: oldest)
    }

    /// All is quiet: the follower comes to the end of the logs.
    func compareFollower() throws(Violation) {
        guard follower != nil else { return }
        clockStands = false
        try settle("nothing happens any more, for the follower to come to the end") {
            self.machine.isQuiet && self.model.tails.allSatisfy(\.isEmpty)
                && self.history.index(behind: self.follower!.place) == self.history.events.count
        }
        clockStands = true
        coverage[.followersCompared] += 1
    }
}

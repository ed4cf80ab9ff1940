import Engine
import Log
import Protocol
import SimulatedStorage

// The end of a run: faults stop, everything gets its answer, the rest of the stock sells to the last unit, and the
// log replays to the same state on any number of shards.

extension World {
    func finish() throws(Violation) {
        isCalm = true
        isDiskFull = false
        storage.fault = nil
        drawWeights()
        try settle("the faults had stopped") {
            self.requests.isEmpty && self.clients.allSatisfy(\.unresolved.isEmpty)
        }
        // From here on the clock stands still, so that no hold ends unasked.
        clockStands = true
        try settle("all was answered", until: isAtRest)
        try sellOut()
        try settle("all was sold", until: isAtRest)
        try look()
        try compareStock(isRestart: false)
        if scenario.forgets { try forgetAll() }
        try compareMirror()
        try compareFollower()
        mirror?.mirror = nil
        follower?.end()
        try compareReplays()
    }

    /// When all is long ago, everything that is over leaves, and no more than that.
    private func forgetAll() throws(Violation) {
        let endsAtMs = model.offers.map(\.creation.endsAtMs).max() ?? 0
        clockMs = max(clockMs, endsAtMs) + UInt64(scenario.holdMsMax) + 3 * scenario.retains.max()!
        clockStands = false
        var overdue: String? = ""
        do throws(Violation) {
            try settle("everything was over") {
                if self.trace.step % 64 == 0 { overdue = self.model.overdue(self.clockMs - 5000) }
                return overdue == nil
            }
        } catch {
            guard let overdue, error.promise == 9 else { throw error }
            throw Violation(9, "\(overdue) is over, and never leaves")
        }
        coverage[.allForgotten] += 1
        clockStands = true
        try settle("all was forgotten", until: isAtRest)
        try compareStock(isRestart: false)
    }

    /// Nothing is under way, and no hold is due.
    private func isAtRest() -> Bool {
        guard machine.isQuiet, writes.isEmpty else { return false }
        for shard in 0..<machine.shards {
            // Room on the disk is looked for once a turn: one that began while it was full still refuses.
            guard machine.seats[shard].nowMs == clockMs, machine.cores[shard].hasLogSpace else { return false }
            if let due = machine.engine(shard).pointee.nextExpiryMs(), due <= clockMs { return false }
        }
        return true
    }

    /// Takes calm steps until something is reached, within a bound: nothing may be stuck.
    func settle(_ since: String, until isReached: () -> Bool) throws(Violation) {
        for _ in 0..<Self.calmStepsMax {
            if isReached() { return }
            trace.nextStep()
            if !clockStands { clockMs += UInt64(trace.step & 1) }
            switch dice.weighted([6, 3, 1]) {
            case 0: for shard in 0..<machine.shards { try stepShard(shard) }
            case 1: try stepDisk()
            default: try stepClient()
            }
            try stepMirror()
            try stepFollower()
            try look()
        }
        throw Violation(
            9,
            "\(Self.calmStepsMax) steps after \(since) \(requests.count) requests wait for their answer, "
                + "\(clients.reduce(0) { $0 + $1.unresolved.count }) are asked again and again, "
                + "\(writes.count) writes are under way")
    }

    private static let calmStepsMax = 200_000

    /// Every unit that is free finds a buyer: one who wants all of them, or many who want one each.
    private func sellOut() throws(Violation) {
        for (index, offer) in model.offers.enumerated() {
            let creation = offer.creation
            guard offer.closed == nil, creation.isOpen(atMs: clockMs), creation.isOpen(atMs: clockMs + 60_000)
            else { continue }
            let free = Int(machine.counters.totals(index + 1).available)
            let before = coverage[.capacity]
            var sold = 0
            if free > 0 && creation.key.kind == .sale && creation.perUserLimit == 0 && dice.chance(500) {
                sold = try take(creation.key, quantities: [free])
            } else if free > 0 {
                sold = try take(creation.key, quantities: Array(repeating: 1, count: free))
            }
            if coverage[.capacity] > before { continue }
            guard sold == free else {
                throw Violation(
                    2, "\(creation.key) had \(free) units left when all was quiet, \(sold) could be given out"
                )
            }
            guard try take(creation.key, quantities: [1]) == 0 else {
                throw Violation(1, "\(creation.key) gave out one more than there was")
            }
        }
    }

    /// Orders or claims by new users, one frame; answers how many units were given out.
    private func take(_ key: OfferKey, quantities: [Int]) throws(Violation) -> Int {
        let items = quantities.map { quantity in
            let user = Id128(high: dice.next(), low: dice.next())
            return key.kind == .sale
                ? orderItem(newOrder(user: user, saleId: key.id, quantity: UInt32(quantity)))
                : issueItem(newCoupon(user: user, policyId: key.id))
        }
        send(key.kind == .sale ? .order : .issueCoupon, items, from: 0)
        try settle("the last orders were sent") {
            self.requests.isEmpty && self.clients.allSatisfy(\.unresolved.isEmpty)
        }
        return items.reduce(0) { sum, item in
            if let order = item.order { return sum + (orders[order].isDecisionShown ? Int(item.quantity) : 0) }
            return sum + (coupons[item.coupon!].isDecisionShown ? 1 : 0)
        }
    }

    /// Promise 10.
    private func compareReplays() throws(Violation) {
        let live = machine.digest()
        trace.note(16, live, "digest \(String(live, radix: 16))")
        let image = storage
        machine = nil
        for shards in [1, 2, 5] {
            memory.reset()
            let copy = image.copy()
            var configuration = recoveryConfiguration(shards: shards)
            configuration.capacities.orders += 8192
            configuration.capacities.users += 8192
            configuration.capacities.tombstones += 8192
            configuration.capacities.coupons += 8192
            configuration.capacities.couponOperations += 8192
            configuration.capacities.transactions += 8192
            configuration.capacities.checkouts += 8192
            let digest: UInt64
            do {
                let state = try Recovery.recover(
                    storage: copy, configuration: configuration, memory: memory.source,
                    nowMs: clockMs
                ) { _ in }
                digest = state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() }
                state.shards[0].engine.deinitialize(count: shards)
                state.shards[0].engine.deallocate()
                state.shards[0].events.deallocate()
            } catch { throw Violation(11, "the final log is refused on \(shards) shards: \(error)") }
            guard digest == live else {
                throw Violation(
                    10,
                    "replayed on \(shards) shards the digest is \(String(digest, radix: 16)), that of the live shards "
                        + "was \(String(live, radix: 16))")
            }
        }
    }
}

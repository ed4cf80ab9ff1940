import Engine
import Log
import Protocol
import SimulatedStorage

// What the disk and the clock do to a process that runs, other than ending it: calls that fail, no room, a wall clock
// that is set back. A fault of the log's own writes ends the process, as it does the server's.

extension World {
    /// A write of the log fails or falls short: some of it is there, and the process ends.
    func failWrite(_ index: Int) throws(Violation) {
        let write = writes.remove(at: index)
        coverage[.writesFailed] += 1
        trace.note(20, UInt64(write.shard), "disk: block \(write.command.ticket) of shard \(write.shard) fails")
        storage.fail(log: machine.identity(write.shard).logId, ticket: write.command.ticket, using: &faultDice)
        try crash(isKill: true)
    }

    /// A sync of the log fails: what it should have made durable is no more durable than before, and the process ends.
    func failSync(_ index: Int) throws(Violation) {
        let sync = syncs.remove(at: index)
        coverage[.syncsFailed] += 1
        trace.note(21, UInt64(sync.shard), "disk: a sync of shard \(sync.shard) fails")
        try crash(isKill: true)
    }

    /// Perhaps one of the next calls of the storage fails, if nothing else is planned.
    func planCallFault(within calls: Int) {
        guard !isCalm, storage.fault == nil, faultDice.chance(scenario.callFaultPerMille) else { return }
        let code: Int32 = faultDice.pick([5, 28])
        storage.fault = (storage.callCount + faultDice.pick(1...calls), .error(code: code))
    }

    /// Whether this is how a call that had to fail is reported: as the operating system's refusal.
    func isPlannedFault(_ error: RecoveryFault, of what: String) throws(Violation) -> Bool {
        guard let fault = storage.fault, fault.call <= storage.callCount, case .error = fault.kind else { return false }
        trace.note(22, 0, "\(what) fails: \(error)")
        guard error.kind == .storage else {
            throw Violation(11, "a call of the disk fails, \(what) says: \(error)")
        }
        return true
    }

    /// The wall clock is behind at the next start: the log knows better.
    func setClockBack() {
        guard !isCalm, faultDice.chance(scenario.clockBackPerMille) else { return }
        coverage[.clocksSetBack] += 1
        clockMs -= UInt64(faultDice.below(scenario.forgets ? Int(retainMs) * 2 : scenario.holdMsMax * 2))
        trace.note(23, clockMs, "the wall clock is set back")
    }

    // MARK: Room

    /// A shard looks at the room on the disk, as at the beginning of each turn.
    func admit(_ shard: Int) {
        let had = machine.cores[shard].hasLogSpace
        _ = machine.cores[shard].admit(roomBytes: isDiskFull ? -1 << 40 : 1 << 40)
        if !had || !machine.cores[shard].hasLogSpace { lastFullSteps[shard] = trace.step }
    }

    /// NO_SPACE is said only where there was none, and never to what ends an open hold.
    func checkNoSpace(_ request: Request, _ item: Item, _ result: [UInt8]) throws(Violation) {
        coverage[.noSpace] += 1
        let owner = request.operation.isCatalogue ? machine.catalogue : model.owner(item.id)
        guard !machine.cores[owner].hasLogSpace || lastFullSteps[owner] >= request.sentStep else {
            throw Violation(9, "\(request.operation) \(item.id) got NO_SPACE while there was room")
        }
        let isHeld: Bool
        switch request.operation {
        case .confirm, .cancel:
            let view = result.withUnsafeBytes { OrderViewResult($0.baseAddress!) }
            isHeld = view.createdAtMs != 0 && view.state == OrderState.held.rawValue
        case .confirmCheckout, .cancelCheckout:
            let view = result.withUnsafeBytes { CheckoutResult($0.baseAddress!) }
            isHeld = view.createdAtMs != 0 && view.state == OrderState.held.rawValue
        case .getOrder, .getCoupon, .getTransaction, .getCheckout, .getBalance, .getSale, .getPolicy: isHeld = true
        default: isHeld = false
        }
        if isHeld { throw Violation(9, "\(request.operation) \(item.id) got NO_SPACE, and needs none") }
    }
}

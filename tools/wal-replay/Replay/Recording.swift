import Engine
import Log
import Protocol

/// A log as a recording: read once to know what is in it, and once more to play it.
final class Recording {
    private let storage: any LogStorage
    private let untilSequence: UInt64
    /// When its first operation was accepted.
    private(set) var firstTimeMs = UInt64.max
    /// Ids that carry a time, by the second of that.
    private(set) var mintTimes: [UInt64: Int] = [:]
    /// Ids that the log has forgotten by its end.
    private(set) var forgotten: Set<String> = []
    /// Sold by orders that the oldest snapshot does not know any more.
    private(set) var unitsOfNobody: UInt64 = 0
    private var confirmedLate: Set<Id128> = []

    init(_ storage: any LogStorage, untilSequence: UInt64) throws {
        self.storage = storage
        self.untilSequence = untilSequence
        var order = try EventOrder(storage, untilSequence: untilSequence)
        try order.forEach { event in
            note(event.kind, event.bytes, isRecord: event.shard < 0)
            return true
        }
        if let fault = order.faults.first { throw fault }
    }

    private func note(_ kind: EventKind, _ event: UnsafeRawPointer, isRecord: Bool) {
        let flags: UInt8 = event.loadLE(EventField.flags)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        if timeMs > 0 { firstTimeMs = min(firstTimeMs, timeMs) }
        switch kind {
        case .orderPlaced, .orderKept, .checkoutPlaced, .checkoutKept, .pointsEarned, .pointsUsed, .transactionKept,
            .couponIssued, .couponUsed, .couponRestored, .couponOperationKept, .tombstonePlaced, .saleCreated,
            .saleKept,
            .saleRestocked, .policyCreated, .policyKept, .policyRestocked, .catalogueOperationKept:
            if let mintMs = event.loadId(EventField.id).mintTimeMs { mintTimes[mintMs / 1000, default: 0] += 1 }
        case .orderConfirmed, .checkoutConfirmed:
            if flags & 1 != 0 { confirmedLate.insert(event.loadId(EventField.id)) }
        case .retired:
            let id = event.loadId(EventField.id)
            forgotten.insert("\(id)")
            guard flags == RetiredKind.checkout.rawValue else { return }
            for number in 0..<16 { forgotten.insert("\(id.ofPart(.line(number)))") }
        default: break
        }
    }

    /// Gives every operation to `send`, each at its time.
    func play(
        _ speed: ReplaySpeed, _ tally: Sender.Tally, _ send: (RecordedOperation) async -> Void
    ) async throws {
        let order = try EventOrder(storage, untilSequence: untilSequence)
        let blocks = try order.blocks()
        var recorder = Recorder(confirmedLate: confirmedLate)
        var records = SnapshotRecords()
        var pace: Pace?
        while let (block, shard) = blocks.next() {
            do throws(EventFault) {
                if shard < 0 {
                    try records.add(block)
                    continue
                }
            } catch {
                throw RecoveryFault(error, file: block.file, offset: block.offset, lsn: block.header.firstLsn)
            }
            if pace == nil {
                for call in recorder.calls(records) { await send(call.operation) }
                unitsOfNobody = records.unitsOfNobody
            }
            let calls: [RecordedCall]
            do throws(EventFault) {
                calls = try recorder.calls(block)
            } catch {
                throw RecoveryFault(error, file: block.file, offset: block.offset, lsn: block.header.firstLsn)
            }
            for call in calls {
                if pace == nil { pace = Pace(speed, firstTimeMs: call.timeMs) }
                if let lateMs = await pace?.wait(for: call.timeMs) { await tally.late(lateMs) }
                await send(call.operation)
            }
        }
        if pace == nil { for call in recorder.calls(records) { await send(call.operation) } }
        if let fault = blocks.faults.first { throw fault }
    }

    /// When an operation is due.
    private struct Pace {
        private let speed: ReplaySpeed
        private let firstTimeMs: UInt64
        private let begin = ContinuousClock.now

        init(_ speed: ReplaySpeed, firstTimeMs: UInt64) {
            self.speed = speed
            self.firstTimeMs = firstTimeMs
        }

        /// Waits until it is; answers by how much it is too late.
        func wait(for timeMs: UInt64) async -> UInt64 {
            guard case .times(let factor) = speed, timeMs > firstTimeMs else { return 0 }
            let due = begin + .milliseconds(Int64(Double(timeMs - firstTimeMs) / factor))
            let now = ContinuousClock.now
            guard due > now else { return UInt64(max(0, (now - due) / .milliseconds(1))) }
            try? await Task.sleep(until: due, clock: .continuous)
            return 0
        }
    }
}

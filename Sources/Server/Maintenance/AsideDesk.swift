import Protocol
import Shard

/// Where shards leave requests that somebody else has to answer, and find the answers.
///
/// Shards call `request` and `takeAnswers`, which are quick; the threads that do the work call `answer`.
final class AsideDesk: @unchecked Sendable {
    struct Answer: Sendable {
        var request: AsideRequest
        var status: ResultCode
        var count: Int
        var results: [UInt8]
    }

    private let monitor = Monitor()
    private var answers: [[Answer]]
    private let snapshots: SnapshotKeeper
    private let tails: TailKeeper
    /// Rings the doorbell of a shard.
    private let notify: @Sendable (Int) -> Void

    init(
        shards: Int, snapshots: SnapshotKeeper, tails: TailKeeper, notify: @escaping @Sendable (Int) -> Void
    ) {
        answers = Array(repeating: [], count: shards)
        self.snapshots = snapshots
        self.tails = tails
        self.notify = notify
    }

    @inline(never)
    func request(_ request: AsideRequest, shard: Int) {
        switch request.operation {
        case .snapshot:
            snapshots.request { [self] in answer($0, request, shard) }
        case .tail:
            tails.request(request.tail!) { [self] in
                answer(Answer(request: request, status: $0.status, count: $0.count, results: $0.results), shard)
            }
        default: preconditionFailure("not an operation to hand out")
        }
    }

    @inline(never)
    func takeAnswers(shard: Int) -> [Answer] {
        monitor.locked {
            defer { answers[shard].removeAll() }
            return answers[shard]
        }
    }

    /// An answer that there was no room for: it comes with the next ones.
    func putBack(_ answer: Answer, shard: Int) {
        monitor.locked { answers[shard].append(answer) }
    }

    private func answer(_ snapshot: SnapshotKeeper.Answer, _ request: AsideRequest, _ shard: Int) {
        switch snapshot {
        case .snapshot(let sequence, let digest, let recordCount, let sizeBytes, let durationMs):
            let result = SnapshotResult(
                code: .ok, sequence: sequence, digest: digest, recordCount: recordCount, size: sizeBytes,
                durationMs: durationMs)
            let bytes = [UInt8](unsafeUninitializedCapacity: SnapshotResult.sizeBytes) { memory, count in
                result.store(to: UnsafeMutableRawPointer(memory.baseAddress!))
                count = SnapshotResult.sizeBytes
            }
            answer(Answer(request: request, status: .ok, count: 1, results: bytes), shard)
        case .failed:
            answer(Answer(request: request, status: .failed, count: 0, results: []), shard)
        }
    }

    private func answer(_ answer: Answer, _ shard: Int) {
        monitor.locked { answers[shard].append(answer) }
        notify(shard)
    }
}

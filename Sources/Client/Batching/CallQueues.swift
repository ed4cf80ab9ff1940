internal import Protocol
import Synchronization

/// All queues of a client: for each operation on users one a possible shard, so that a call finds its own without a
/// lock however many shards the server has; one for each operation on the catalogue and the system.
final class CallQueues: Sendable {
    let orders: OrderQueues
    let sales: SaleQueues
    let points: PointQueues
    let policies: PolicyQueues
    let coupons: CouponQueues
    let checkouts: CheckoutQueues
    let system: SystemQueues

    let all: [any FrameSource]

    private let pool: ConnectionPool
    private let argumentFault: InvalidArgument?
    private let isClosed = Atomic<Bool>(false)

    init(_ pool: ConnectionPool, argumentFault: InvalidArgument?) {
        self.pool = pool
        self.argumentFault = argumentFault
        var maker = QueueMaker(pool)
        orders = OrderQueues(&maker)
        sales = SaleQueues(&maker)
        points = PointQueues(&maker)
        policies = PolicyQueues(&maker)
        coupons = CouponQueues(&maker)
        checkouts = CheckoutQueues(&maker)
        system = SystemQueues(&maker)
        all = maker.made
    }

    func closeForNew() { isClosed.store(true, ordering: .releasing) }

    /// Why no call can be made, nil if it can.
    var refusal: TimesaleError? {
        if let argumentFault { return .invalidArgument(argumentFault) }
        return isClosed.load(ordering: .acquiring) ? .shutDown : nil
    }

    /// The shard of a partition as far as it is known; before the first handshake any will do.
    func owner(of partition: Int) -> Int {
        Partition.owner(of: partition, shards: max(1, pool.shards.load(ordering: .relaxed)))
    }

    /// Makes one call on its queue.
    nonisolated(nonsending) func call<Call: WireCall>(
        _ queue: CallQueue<Call>, _ entry: Call.Entry, timeoutNs: UInt64
    ) async throws(TimesaleError) -> Call.Answer {
        if let refusal { throw refusal }
        return try await queue.call(entry, timeoutNs: timeoutNs).get()
    }

    /// Makes many calls, each for itself, on the queues of their shards.
    nonisolated(nonsending) func callEach<Call: WireCall>(
        _ queues: [CallQueue<Call>], _ entries: [Call.Entry], partition: (Call.Entry) -> Int,
        timeoutNs: UInt64
    ) async -> [Result<Call.Answer, TimesaleError>] {
        if let refusal { return entries.map { _ in .failure(refusal) } }
        let batch = CallBatch<Call.Answer>(count: entries.count)
        var byShard: [[(entry: Call.Entry, index: Int)]] = Array(
            repeating: [], count: max(1, pool.shards.load(ordering: .relaxed)))
        if byShard.count == 1 { byShard[0].reserveCapacity(entries.count) }
        for (index, entry) in entries.enumerated() {
            let shard = byShard.count == 1 ? 0 : Partition.owner(of: partition(entry), shards: byShard.count)
            byShard[shard].append((entry, index))
        }
        let parts = byShard
        return await withTaskCancellationHandler {
            for (shard, part) in parts.enumerated() where !part.isEmpty {
                await queues[shard].enqueue(part, of: batch, timeoutNs: timeoutNs)
            }
            return await batch.wait()
        } onCancel: {
            batch.markCancelled()
            for (shard, part) in parts.enumerated() where !part.isEmpty { queues[shard].cancel(batch) }
        }
    }
}

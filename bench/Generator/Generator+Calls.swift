import Protocol

// What surrounds a load: calls over connections of their own, one after the other.
extension Generator {
    /// Creates the plan's sales with a stock above any demand.
    public static func createSales(_ plan: LoadPlan, stock: UInt64, perUserLimit: UInt32) throws(LoadError) {
        var connection = try GeneratorConnection(plan, shard: 0xffff)
        defer { connection.close() }
        var first = 0
        while first < plan.saleIds.count {
            let count = min(Frame.catalogueBatchCountMax, plan.saleIds.count - first)
            let length = Frame.headerSizeBytes + count * CreateSaleEntry.sizeBytes
            let frame = connection.reserve(length)
            let nowMs = MonotonicClock.wallMs()
            for index in 0..<count {
                let id = plan.saleIds[first + index]
                CreateSaleEntry(
                    operationId: .version7(timeMs: nowMs, partition: Partition.catalogue, random: Partition.mix(id)),
                    saleId: id, stock: stock, startsAtMs: 0, endsAtMs: nowMs + 86_400_000,
                    perUserLimit: perUserLimit, holdMs: 0, unitPrice: 100, name: Name("bench \(id)")!
                ).store(to: frame + Frame.headerSizeBytes + index * CreateSaleEntry.sizeBytes)
            }
            FrameHeader.seal(
                frame, operation: Operation.createSale.rawValue, requestId: 1, count: count, lengthBytes: length)
            let header = try connection.call(length)
            for index in 0..<header.count {
                let offset = Frame.headerSizeBytes + index * SaleResult.sizeBytes
                let code = ResultCode(rawValue: UnsafeRawPointer(connection.inBytes).loadLE(offset))
                guard code == .ok || code == .alreadyExists else {
                    throw LoadError(description: "cannot create sale \(plan.saleIds[first + index]): \(code)")
                }
            }
            first += count
        }
    }

    /// The counters of every shard.
    public static func statistics(_ plan: LoadPlan) throws(LoadError) -> [ShardStatsResult] {
        var connection = try GeneratorConnection(plan, shard: 0xffff)
        defer { connection.close() }
        let length = Frame.headerSizeBytes + PingEntry.sizeBytes
        let frame = connection.reserve(length)
        PingEntry(nonce: 0).store(to: frame + Frame.headerSizeBytes)
        FrameHeader.seal(
            frame, operation: Operation.stats.rawValue, requestId: 1, count: 1, lengthBytes: length)
        let header = try connection.call(length)
        let results = UnsafeRawPointer(connection.inBytes) + Frame.headerSizeBytes
        return (0..<header.count).map { ShardStatsResult(results + $0 * ShardStatsResult.sizeBytes) }
    }
}

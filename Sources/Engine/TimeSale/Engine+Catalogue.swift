import Protocol

// The catalogue: sales. One shard writes it; every shard keeps a copy of what its orders need.
//
// A change goes: event, durable, known to every shard, visible, reply. Only then may an order of another
// shard depend on it, since that order could otherwise reach a disk before what it rests on.

/// A change of the catalogue that has been logged, for the shards to follow once it is durable.
public struct CatalogueChange: Sendable {
    public enum Kind: UInt8, Sendable {
        case created = 1
        case restocked = 2
        case closed = 3
    }

    public var kind: Kind
    public var sale: UInt32
    public var lsn: UInt64
    /// Units to put into the stripes: all of them at creation, the added ones after a restock.
    public var units: UInt64
}

/// How an operation on the catalogue ended: its result is written, and what else has to happen.
public struct CatalogueOutcome: Sendable {
    public var waitLsn: UInt64
    public var change: CatalogueChange?
    public var sale: UInt32
}

extension Engine {
    static let stockMax: UInt64 = 1 << 40
    static let unitPriceMax: UInt64 = 1 << 53
    static let timeMaxMs: UInt64 = 1 << 47

    public mutating func createSale(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> CatalogueOutcome
    {
        let entry = CreateSaleEntry(bytes)
        if let code = catalogueIdFault(entry.operationId) { return refuseSale(code, entry.saleId, result) }
        if let known = find(entry.operationId, hash: hash(entry.operationId)) {
            return repeatCreation(known, entry, result, nowMs)
        }
        if let code = refusal(ofUnknown: entry.operationId, nowMs: nowMs) {
            return refuseSale(code, entry.saleId, result)
        }
        let endsTooEarly = entry.endsAtMs != 0 && (entry.endsAtMs <= entry.startsAtMs || entry.endsAtMs <= nowMs)
        let isValid =
            entry.saleId != 0 && entry.stock >= 1 && entry.stock <= Self.stockMax
            && entry.unitPrice < Self.unitPriceMax && entry.startsAtMs < Self.timeMaxMs
            && entry.endsAtMs < Self.timeMaxMs && !endsTooEarly && entry.name.isValid
        guard isValid else { return refuseSale(.invalid, entry.saleId, result) }
        let existing = findSale(entry.saleId)
        if existing != 0 {
            return refuseSale(.alreadyExists, entry.saleId, result, waitLsn: saleDetails[Int(existing)].lastLsn)
        }
        if sales.isFull || catalogueOperations.isFull { return refuseSale(.capacity, entry.saleId, result) }

        let event = log(.saleCreated, timeMs: nowMs)
        event.storeId(entry.operationId, EventField.id)
        event.storeLE(entry.saleId, EventField.sale)
        event.storeLE(entry.stock, EventField.stock)
        event.storeLE(entry.startsAtMs, EventField.startsAtMs)
        event.storeLE(entry.endsAtMs, EventField.endsAtMs)
        event.storeLE(entry.unitPrice, EventField.unitPrice)
        event.storeLE(entry.perUserLimit, EventField.perUserLimit)
        event.storeLE(entry.holdMs, EventField.holdMs)
        entry.name.store(to: event + EventField.name)
        let lsn = events.pointee.lastLsn
        let slot = insertSale(
            SaleRecord(
                id: entry.saleId, startsAtMs: entry.startsAtMs, endsAtMs: entry.endsAtMs,
                perUserLimit: entry.perUserLimit, holdMs: entry.holdMs, unitPrice: entry.unitPrice))
        insertSaleDetail(
            slot,
            SaleDetail(
                operationId: entry.operationId, stock: entry.stock, stockAtCreation: entry.stock,
                createdAtMs: nowMs, lastLsn: lsn, name: entry.name, isClosed: false, isPublished: false))
        showSale(slot, flags: 0, nowMs: nowMs).store(to: result)
        return CatalogueOutcome(
            waitLsn: lsn, change: CatalogueChange(kind: .created, sale: slot, lsn: lsn, units: entry.stock), sale: slot)
    }

    public mutating func restockSale(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> CatalogueOutcome
    {
        let entry = RestockEntry(bytes)
        if let code = catalogueIdFault(entry.operationId) { return refuseSale(code, entry.offerId, result) }
        if let known = find(entry.operationId, hash: hash(entry.operationId)) {
            guard known.kind == .catalogueOperation else {
                return refuseSale(.idReused, entry.offerId, result, waitLsn: lastLsn(of: known))
            }
            let operation = catalogueOperations[known.slot].pointee
            let isSame =
                !operation.isCreation && operation.quantity == entry.quantity
                && sales[operation.sale].pointee.id == entry.offerId
            let waitLsn = saleDetails[Int(operation.sale)].lastLsn
            guard isSame else { return refuseSale(.idReused, entry.offerId, result, waitLsn: waitLsn) }
            return repeatSale(operation.sale, result, nowMs)
        }
        if let code = refusal(ofUnknown: entry.operationId, nowMs: nowMs) {
            return refuseSale(code, entry.offerId, result)
        }
        let slot = findSale(entry.offerId)
        guard slot != 0, saleDetails[Int(slot)].isPublished else { return refuseSale(.notFound, entry.offerId, result) }
        let detail = saleDetails + Int(slot)
        guard entry.quantity >= 1, entry.quantity <= Self.stockMax,
            detail.pointee.stock + entry.quantity <= Self.stockMax
        else { return refuseSale(.invalid, entry.offerId, result) }
        if detail.pointee.isClosed { return refuseSale(.closed, entry.offerId, result, waitLsn: detail.pointee.lastLsn) }
        if catalogueOperations.isFull { return refuseSale(.capacity, entry.offerId, result) }

        let event = log(.saleRestocked, timeMs: nowMs)
        event.storeId(entry.operationId, EventField.id)
        event.storeLE(entry.offerId, EventField.sale)
        event.storeLE(entry.quantity, EventField.stock)
        let lsn = events.pointee.lastLsn
        insertRestock(slot, entry.operationId, quantity: entry.quantity, timeMs: nowMs)
        detail.pointee.stock += entry.quantity
        detail.pointee.lastLsn = lsn
        showSale(slot, flags: 0, nowMs: nowMs).store(to: result)
        return CatalogueOutcome(
            waitLsn: lsn, change: CatalogueChange(kind: .restocked, sale: slot, lsn: lsn, units: entry.quantity),
            sale: slot)
    }

    public mutating func closeSale(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> CatalogueOutcome
    {
        let id = OfferIdEntry(bytes).offerId
        let slot = findSale(id)
        guard slot != 0, saleDetails[Int(slot)].isPublished else { return refuseSale(.notFound, id, result) }
        let detail = saleDetails + Int(slot)
        if detail.pointee.isClosed { return repeatSale(slot, result, nowMs) }
        let event = log(.saleClosed, timeMs: nowMs)
        event.storeLE(id, EventField.closedSale)
        let lsn = events.pointee.lastLsn
        detail.pointee.isClosed = true
        detail.pointee.lastLsn = lsn
        showSale(slot, flags: 0, nowMs: nowMs).store(to: result)
        return CatalogueOutcome(
            waitLsn: lsn, change: CatalogueChange(kind: .closed, sale: slot, lsn: lsn, units: 0), sale: slot)
    }

    /// Shows a sale. Its counts are of this moment; its stock and closing wait for their events.
    public func getSale(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> CatalogueOutcome
    {
        let id = OfferIdEntry(bytes).offerId
        let slot = findSale(id)
        guard slot != 0, saleDetails[Int(slot)].isPublished else { return refuseSale(.notFound, id, result) }
        showSale(slot, flags: 0, nowMs: nowMs).store(to: result)
        return CatalogueOutcome(waitLsn: saleDetails[Int(slot)].lastLsn, change: nil, sale: slot)
    }

    /// A page of sales in the order of their creation: only those that every shard knows.
    public func listSales(_ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int, nowMs: UInt64)
        -> Page
    {
        let entry = ListOffersEntry(bytes)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListOffersEntry.reservedIsZero(bytes) else {
            return Page(.invalid)
        }
        var slot = 0
        if entry.after != 0 {
            slot = Int(findSale(entry.after))
            if slot == 0 { return Page(.notFound) }
        }
        var count = 0
        var waitLsn: UInt64 = 0
        let most = min(limit, Int(entry.limit))
        while slot < sales.count {
            slot += 1
            guard saleDetails[slot].isPublished else { continue }
            let shown = showSale(UInt32(slot), flags: 0, nowMs: nowMs)
            // A sale that is left out has been closed, which a crash must not undo either.
            waitLsn = max(waitLsn, saleDetails[slot].lastLsn)
            if entry.stateMask != 0 && entry.stateMask & (1 << shown.state) == 0 { continue }
            if count == most { return Page(.ok, count: count, more: true, waitLsn: waitLsn) }
            shown.store(to: results + count * SaleResult.sizeBytes)
            count += 1
        }
        return Page(.ok, count: count, waitLsn: waitLsn)
    }

    // MARK: Following a change on every shard

    /// What a shard that does not keep the catalogue learns of a new sale.
    public mutating func learnSale(slot: UInt32, _ definition: SaleDefinition) {
        precondition(!isCatalogue)
        let got = insertSale(
            SaleRecord(
                id: definition.id, startsAtMs: definition.startsAtMs, endsAtMs: definition.endsAtMs,
                perUserLimit: definition.perUserLimit, holdMs: definition.holdMs, unitPrice: definition.unitPrice))
        precondition(got == slot, "sales reach every shard in the order of their creation")
    }

    /// Opens a sale on this shard, with its share of the units. The creation is durable.
    public mutating func openSale(slot: UInt32, units: UInt64) {
        sales[slot].pointee.isOpen = true
        if units > 0 { counters.put(Int(slot), stripe: configuration.shard, units) }
    }

    /// Refuses orders of a sale from now on. The closing is durable.
    public mutating func stopSale(slot: UInt32) { sales[slot].pointee.isClosed = true }

    /// Adds restocked units on the catalogue's shard. The restock is durable.
    public mutating func addStock(slot: UInt32, units: UInt64) {
        counters.put(Int(slot), stripe: configuration.shard, units)
    }

    /// Every shard knows the sale: it can be shown.
    public mutating func publishSale(slot: UInt32) { saleDetails[Int(slot)].isPublished = true }

    /// Brings a result that shows a sale up to date, when its reply leaves. Answers the LSN that the reply
    /// waits for: the sale may have changed again since.
    public func refreshSale(_ result: UnsafeMutableRawPointer, nowMs: UInt64) -> UInt64 {
        let shown = SaleResult(UnsafeRawPointer(result))
        guard shown.code == .ok else { return 0 }
        let slot = findSale(shown.saleId)
        showSale(slot, flags: shown.flags, nowMs: nowMs).store(to: result)
        return saleDetails[Int(slot)].lastLsn
    }

    public func saleDefinition(slot: UInt32) -> SaleDefinition {
        let sale = sales[slot].pointee
        return SaleDefinition(
            id: sale.id, startsAtMs: sale.startsAtMs, endsAtMs: sale.endsAtMs, perUserLimit: sale.perUserLimit,
            holdMs: sale.holdMs, unitPrice: sale.unitPrice)
    }

    // MARK: Shared with replay

    mutating func insertSale(_ record: SaleRecord) -> UInt32 {
        let slot = sales.allocate()
        sales[slot].initialize(to: record)
        saleIndex.insert(saleHash(record.id), slot)
        return slot
    }

    mutating func insertSaleDetail(_ slot: UInt32, _ detail: SaleDetail) {
        saleDetails[Int(slot)] = detail
        let operation = catalogueOperations.allocate()
        catalogueOperations[operation].initialize(
            to: CatalogueOperationRecord(
                id: detail.operationId, timeMs: detail.createdAtMs, quantity: detail.stockAtCreation, sale: slot,
                isCreation: true))
        ids.insert(hash(detail.operationId), RecordHandle(.catalogueOperation, operation).rawValue)
    }

    mutating func insertRestock(_ sale: UInt32, _ id: Id128, quantity: UInt64, timeMs: UInt64) {
        let operation = catalogueOperations.allocate()
        catalogueOperations[operation].initialize(
            to: CatalogueOperationRecord(id: id, timeMs: timeMs, quantity: quantity, sale: sale, isCreation: false))
        ids.insert(hash(id), RecordHandle(.catalogueOperation, operation).rawValue)
    }

    // MARK: Answers

    /// Refuses an entry for a reason outside of the engine, such as a bound of its shard.
    public func refuseCatalogueEntry(
        _ operation: Operation, _ entry: UnsafeRawPointer, _ code: ResultCode, result: UnsafeMutableRawPointer
    ) {
        let saleId: UInt64 =
            switch operation {
            case .createSale: CreateSaleEntry(entry).saleId
            case .restockSale: RestockEntry(entry).offerId
            default: OfferIdEntry(entry).offerId
            }
        _ = refuseSale(code, saleId, result)
    }

    private func catalogueIdFault(_ id: Id128) -> ResultCode? {
        if !id.isOperationId { return .invalidId }
        return id.carriedPartition == Partition.catalogue ? nil : .wrongPartition
    }

    private mutating func repeatCreation(
        _ known: RecordHandle, _ entry: CreateSaleEntry, _ result: UnsafeMutableRawPointer, _ nowMs: UInt64
    ) -> CatalogueOutcome {
        guard known.kind == .catalogueOperation else {
            return refuseSale(.idReused, entry.saleId, result, waitLsn: lastLsn(of: known))
        }
        let operation = catalogueOperations[known.slot].pointee
        let sale = sales[operation.sale].pointee
        let detail = saleDetails[Int(operation.sale)]
        let isSame =
            operation.isCreation && sale.id == entry.saleId && detail.stockAtCreation == entry.stock
            && sale.startsAtMs == entry.startsAtMs && sale.endsAtMs == entry.endsAtMs
            && sale.perUserLimit == entry.perUserLimit && sale.holdMs == entry.holdMs
            && sale.unitPrice == entry.unitPrice && detail.name == entry.name
        guard isSame else { return refuseSale(.idReused, entry.saleId, result, waitLsn: detail.lastLsn) }
        return repeatSale(operation.sale, result, nowMs)
    }

    private func repeatSale(_ slot: UInt32, _ result: UnsafeMutableRawPointer, _ nowMs: UInt64) -> CatalogueOutcome {
        showSale(slot, flags: ResultFlags.repeat, nowMs: nowMs).store(to: result)
        return CatalogueOutcome(waitLsn: saleDetails[Int(slot)].lastLsn, change: nil, sale: slot)
    }

    private func refuseSale(
        _ code: ResultCode, _ id: UInt64, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0
    ) -> CatalogueOutcome {
        SaleResult(
            code: code, state: 0, flags: 0, perUserLimit: 0, saleId: id, stock: 0, available: 0, held: 0, sold: 0,
            startsAtMs: 0, endsAtMs: 0, unitPrice: 0, createdAtMs: 0, holdMs: 0, name: Name()
        ).store(to: result)
        return CatalogueOutcome(waitLsn: waitLsn, change: nil, sale: 0)
    }

    private func showSale(_ slot: UInt32, flags: UInt8, nowMs: UInt64) -> SaleResult {
        let sale = sales[slot].pointee
        let detail = saleDetails[Int(slot)]
        let totals = counters.totals(Int(slot))
        let state: SaleState
        if detail.isClosed {
            state = .closed
        } else if sale.endsAtMs != 0 && nowMs >= sale.endsAtMs {
            state = .ended
        } else if nowMs < sale.startsAtMs {
            state = .scheduled
        } else {
            state = totals.available == 0 && detail.isPublished ? .soldOut : .open
        }
        return SaleResult(
            code: .ok, state: state.rawValue, flags: flags, perUserLimit: sale.perUserLimit, saleId: sale.id,
            stock: detail.stock, available: totals.available, held: totals.held, sold: totals.sold,
            startsAtMs: sale.startsAtMs, endsAtMs: sale.endsAtMs, unitPrice: sale.unitPrice,
            createdAtMs: detail.createdAtMs, holdMs: sale.holdMs, name: detail.name)
    }
}

/// What orders need to know of a sale: what the catalogue's shard tells the others.
public struct SaleDefinition: Equatable, Sendable {
    public var id: UInt64
    public var startsAtMs: UInt64
    public var endsAtMs: UInt64
    public var perUserLimit: UInt32
    public var holdMs: UInt32
    public var unitPrice: UInt64

    public init(
        id: UInt64, startsAtMs: UInt64, endsAtMs: UInt64, perUserLimit: UInt32, holdMs: UInt32, unitPrice: UInt64
    ) {
        self.id = id
        self.startsAtMs = startsAtMs
        self.endsAtMs = endsAtMs
        self.perUserLimit = perUserLimit
        self.holdMs = holdMs
        self.unitPrice = unitPrice
    }
}

internal import Protocol

// The queues of each module, one for each of its operations.

/// Makes queues, and remembers all of them.
struct QueueMaker {
    private let pool: ConnectionPool
    private let limits: QueueLimits
    private(set) var made: [any FrameSource] = []

    init(_ pool: ConnectionPool) {
        self.pool = pool
        limits = QueueLimits(pool.configuration)
    }

    /// For an operation on the catalogue or the system.
    mutating func one<Call: WireCall>() -> CallQueue<Call> { make(shard: 0) }

    /// For an operation on users: one for each shard that a server may have.
    mutating func each<Call: WireCall>() -> [CallQueue<Call>] {
        var queues: [CallQueue<Call>] = []
        for shard in 0..<ConnectionPool.shardsMax { queues.append(make(shard: shard)) }
        return queues
    }

    private mutating func make<Call: WireCall>(shard: Int) -> CallQueue<Call> {
        let queue = CallQueue<Call>(shard: shard, limits: limits, counters: pool.counters) { [pool] in
            pool.wake($0)
        }
        made.append(queue)
        return queue
    }
}

struct OrderQueues: Sendable {
    let place: [CallQueue<PlaceOrder>]
    let confirm: [CallQueue<ConfirmOrder>]
    let cancel: [CallQueue<CancelOrder>]
    let extend: [CallQueue<ExtendOrder>]
    let get: [CallQueue<GetOrder>]
    let list: [CallQueue<ListUserOrders>]
    let listOfSale: CallQueue<ListSaleOrders>

    init(_ maker: inout QueueMaker) {
        place = maker.each()
        confirm = maker.each()
        cancel = maker.each()
        extend = maker.each()
        get = maker.each()
        list = maker.each()
        listOfSale = maker.one()
    }
}

struct SaleQueues: Sendable {
    let create: CallQueue<CreateSale>
    let restock: CallQueue<RestockSale>
    let close: CallQueue<CloseSale>
    let get: CallQueue<GetSale>
    let list: CallQueue<ListSales>

    init(_ maker: inout QueueMaker) {
        create = maker.one()
        restock = maker.one()
        close = maker.one()
        get = maker.one()
        list = maker.one()
    }
}

struct PointQueues: Sendable {
    let earn: [CallQueue<EarnPoints>]
    let use: [CallQueue<UsePoints>]
    let cancel: [CallQueue<CancelTransaction>]
    let get: [CallQueue<GetTransaction>]
    let balance: [CallQueue<GetBalance>]
    let list: [CallQueue<ListTransactions>]

    init(_ maker: inout QueueMaker) {
        earn = maker.each()
        use = maker.each()
        cancel = maker.each()
        get = maker.each()
        balance = maker.each()
        list = maker.each()
    }
}

struct PolicyQueues: Sendable {
    let create: CallQueue<CreatePolicy>
    let restock: CallQueue<RestockPolicy>
    let close: CallQueue<ClosePolicy>
    let get: CallQueue<GetPolicy>
    let list: CallQueue<ListPolicies>

    init(_ maker: inout QueueMaker) {
        create = maker.one()
        restock = maker.one()
        close = maker.one()
        get = maker.one()
        list = maker.one()
    }
}

struct CouponQueues: Sendable {
    let issue: [CallQueue<IssueCoupon>]
    let use: [CallQueue<UseCoupon>]
    let restore: [CallQueue<RestoreCoupon>]
    let get: [CallQueue<GetCoupon>]
    let list: [CallQueue<ListUserCoupons>]

    init(_ maker: inout QueueMaker) {
        issue = maker.each()
        use = maker.each()
        restore = maker.each()
        get = maker.each()
        list = maker.each()
    }
}

struct CheckoutQueues: Sendable {
    let place: [CallQueue<PlaceCheckout>]
    let confirm: [CallQueue<ConfirmCheckout>]
    let cancel: [CallQueue<CancelCheckout>]
    let get: [CallQueue<GetCheckout>]

    init(_ maker: inout QueueMaker) {
        place = maker.each()
        confirm = maker.each()
        cancel = maker.each()
        get = maker.each()
    }
}

struct SystemQueues: Sendable {
    let ping: CallQueue<Ping>
    let stats: CallQueue<GetStats>
    let topology: CallQueue<GetTopology>
    let snapshot: CallQueue<TakeSnapshot>
    let tail: CallQueue<FollowLog>
    let mirror: CallQueue<GetMirror>

    init(_ maker: inout QueueMaker) {
        ping = maker.one()
        stats = maker.one()
        topology = maker.one()
        snapshot = maker.one()
        tail = maker.one()
        mirror = maker.one()
    }
}

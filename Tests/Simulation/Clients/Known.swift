import Protocol

/// An order as its client means it, and what the client has been shown of it.
struct KnownOrder {
    var id: Id128
    var user: Id128
    var saleId: UInt64
    var quantity: UInt32
    /// How many events of its history a reply has shown.
    var shownVersions = 0
    var isTombstoneShown = false
    /// A reply without the repeat flag has accepted it.
    var isDecisionShown = false
}

/// A sale as its client means it, and what has been shown of it.
struct KnownSale {
    struct Restock {
        var id: Id128
        var units: UInt64
        var isShown = false
    }

    var entry: CreateSaleEntry
    var isCreationShown = false
    var shownStock: UInt64 = 0
    var isClosingShown = false
    /// Its closing was acknowledged: every shard knows it. A read may show it a little earlier.
    var isClosingAcknowledged = false
    var restocks: [Restock] = []

    mutating func forget() {
        isCreationShown = false
        shownStock = 0
        isClosingShown = false
        isClosingAcknowledged = false
        for index in restocks.indices { restocks[index].isShown = false }
    }
}

/// One entry of a request, as it is sent, and what had been shown by then: the answer must not fall behind.
struct Item {
    /// Indices of the known order, sale and restock it is about.
    var order: Int?
    var sale: Int?
    var restock: Int?

    var id = Id128.zero
    var user = Id128.zero
    var saleId: UInt64 = 0
    var quantity: UInt32 = 0
    var units: UInt64 = 0
    var deadlineMs: UInt64 = 0
    /// Of a list of sales: the states asked for, 0 for all.
    var stateMask: UInt8 = 0
    var creation: CreateSaleEntry?
    /// What a malformed entry must be answered with.
    var expected: ResultCode?

    var shownVersions = 0
    var isTombstoneShown = false
    var isCreationShown = false
    var isClosingShown = false
    var isClosingAcknowledged = false
    var shownStock: UInt64 = 0
    var isRestockShown = false
    /// Of a list: orders that have to be in it.
    var listedBefore: [Id128] = []
    var salesBefore: [UInt64] = []
    /// What the owner's log had synced by then.
    var syncedLsn: UInt64 = 0
}

/// A frame on its way, until its reply.
struct Request {
    var client: Int
    var operation: Operation
    var items: [Item]
    var sentStep: Int
    /// No shard's clock is behind this.
    var earliestMs: UInt64
}

/// A client: a connection to one shard, frames in flight, and what it has to ask again because it does not know
/// how it ended.
struct Client {
    var connection: UInt64 = 0
    var shard = 0
    var inFlight: [UInt64] = []
    /// Requests that it no longer waits for; they may still be answered.
    var abandoned: [UInt64] = []
    var unresolved: [(operation: Operation, item: Item)] = []

    static let unresolvedMax = 128

    mutating func postpone(_ operation: Operation, _ items: [Item]) {
        for item in items where item.expected == nil && unresolved.count < Self.unresolvedMax {
            unresolved.append((operation, item))
        }
    }
}

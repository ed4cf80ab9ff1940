/// What a frame asks for. Every entry of a frame is of this one operation.
public enum Operation: UInt8, CaseIterable, Sendable {
    case handshake = 1
    case ping = 2
    case stats = 3
    case topology = 4

    case createSale = 16
    case getSale = 17
    case listSales = 18
    case restockSale = 19
    case closeSale = 20

    case order = 32
    case confirm = 33
    case cancel = 34
    case extend = 35
    case getOrder = 36
    case listUserOrders = 37

    case earnPoints = 64
    case usePoints = 65
    case cancelTransaction = 66
    case getTransaction = 67
    case getBalance = 68
    case listTransactions = 69
}

extension Operation {
    /// The size of one request entry in bytes.
    @inlinable
    public var entrySizeBytes: Int {
        switch self {
        case .handshake: HandshakeEntry.sizeBytes
        case .ping, .stats, .topology: PingEntry.sizeBytes
        case .createSale: CreateSaleEntry.sizeBytes
        case .getSale, .closeSale: SaleEntry.sizeBytes
        case .listSales: ListSalesEntry.sizeBytes
        case .restockSale: RestockSaleEntry.sizeBytes
        case .order: OrderEntry.sizeBytes
        case .confirm, .cancel, .getOrder: OrderIdEntry.sizeBytes
        case .extend: ExtendEntry.sizeBytes
        case .listUserOrders, .listTransactions: ListUserOrdersEntry.sizeBytes
        case .earnPoints: EarnEntry.sizeBytes
        case .usePoints: UsePointsEntry.sizeBytes
        case .cancelTransaction, .getTransaction: TransactionIdEntry.sizeBytes
        case .getBalance: UserEntry.sizeBytes
        }
    }

    /// The size of one result in bytes.
    @inlinable
    public var resultSizeBytes: Int {
        switch self {
        case .handshake, .topology: TopologyResult.sizeBytes
        case .ping: PingResult.sizeBytes
        case .stats: ShardStatsResult.sizeBytes
        case .createSale, .getSale, .listSales, .restockSale, .closeSale: SaleResult.sizeBytes
        case .order: OrderResult.sizeBytes
        case .confirm, .cancel, .extend, .getOrder, .listUserOrders: OrderViewResult.sizeBytes
        case .earnPoints, .usePoints: PointResult.sizeBytes
        case .cancelTransaction, .getTransaction, .listTransactions: TransactionViewResult.sizeBytes
        case .getBalance: BalanceResult.sizeBytes
        }
    }

    /// The largest number of entries in one frame. Operations that answer with a list take one entry.
    @inlinable
    public var countMax: Int {
        switch self {
        case .order, .confirm, .cancel, .extend, .getOrder, .earnPoints, .usePoints, .cancelTransaction,
            .getTransaction:
            Frame.batchCountMax
        case .createSale, .getSale, .restockSale, .closeSale: Frame.catalogueBatchCountMax
        case .handshake, .ping, .stats, .topology, .listSales, .listUserOrders, .getBalance, .listTransactions: 1
        }
    }

    /// Whether the reply holds as many results as there are, instead of one for each entry.
    @inlinable
    public var answersList: Bool {
        switch self {
        case .stats, .listSales, .listUserOrders, .listTransactions: true
        default: false
        }
    }

    /// Whether the operation reads or writes the catalogue, which the owner of partition 0 keeps.
    @inlinable
    public var isCatalogue: Bool {
        switch self {
        case .createSale, .getSale, .listSales, .restockSale, .closeSale: true
        default: false
        }
    }

    /// Whether its one entry begins with the id of a user, whose shard answers it.
    @inlinable
    public var isOfUser: Bool {
        switch self {
        case .listUserOrders, .getBalance, .listTransactions: true
        default: false
        }
    }

    /// Whether its entries begin with the id of an order.
    @inlinable
    public var isOnOrders: Bool {
        switch self {
        case .order, .confirm, .cancel, .extend, .getOrder: true
        default: false
        }
    }

    /// Whether only a token of scope `admin` may ask for it.
    @inlinable
    public var isAdmin: Bool {
        switch self {
        case .createSale, .restockSale, .closeSale: true
        default: false
        }
    }
}

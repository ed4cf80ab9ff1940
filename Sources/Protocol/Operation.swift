/// What a frame asks for. Every entry of a frame is of this one operation.
public enum Operation: UInt8, CaseIterable, Sendable {
    case handshake = 1
    case ping = 2
    case stats = 3
    case topology = 4
    case snapshot = 5
    case tail = 6
    case mirror = 7

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
    case listSaleOrders = 38

    case earnPoints = 64
    case usePoints = 65
    case cancelTransaction = 66
    case getTransaction = 67
    case getBalance = 68
    case listTransactions = 69

    case createPolicy = 80
    case getPolicy = 81
    case listPolicies = 82
    case restockPolicy = 83
    case closePolicy = 84

    case issueCoupon = 85
    case useCoupon = 86
    case restoreCoupon = 87
    case getCoupon = 88
    case listUserCoupons = 89

    case placeCheckout = 96
    case confirmCheckout = 97
    case cancelCheckout = 98
    case getCheckout = 99
}

extension Operation {
    /// The size of one request entry in bytes.
    @inlinable
    public var entrySizeBytes: Int {
        switch self {
        case .handshake: HandshakeEntry.sizeBytes
        case .ping, .stats, .topology, .snapshot, .mirror: PingEntry.sizeBytes
        case .tail: TailEntry.sizeBytes
        case .createSale: CreateSaleEntry.sizeBytes
        case .createPolicy: CreatePolicyEntry.sizeBytes
        case .getSale, .closeSale, .getPolicy, .closePolicy: OfferIdEntry.sizeBytes
        case .listSales, .listPolicies: ListOffersEntry.sizeBytes
        case .restockSale, .restockPolicy: RestockEntry.sizeBytes
        case .order: OrderEntry.sizeBytes
        case .confirm, .cancel, .getOrder: OrderIdEntry.sizeBytes
        case .extend: ExtendEntry.sizeBytes
        case .listUserOrders, .listTransactions: ListUserOrdersEntry.sizeBytes
        case .listSaleOrders: ListSaleOrdersEntry.sizeBytes
        case .earnPoints: EarnEntry.sizeBytes
        case .usePoints: UsePointsEntry.sizeBytes
        case .cancelTransaction, .getTransaction: TransactionIdEntry.sizeBytes
        case .getBalance: UserEntry.sizeBytes
        case .issueCoupon: IssueCouponEntry.sizeBytes
        case .useCoupon: UseCouponEntry.sizeBytes
        case .restoreCoupon: RestoreCouponEntry.sizeBytes
        case .getCoupon: CouponIdEntry.sizeBytes
        case .listUserCoupons: ListUserCouponsEntry.sizeBytes
        case .placeCheckout: PlaceCheckoutEntry.sizeBytes
        case .confirmCheckout, .cancelCheckout, .getCheckout: CheckoutIdEntry.sizeBytes
        }
    }

    /// The size of one result in bytes.
    @inlinable
    public var resultSizeBytes: Int {
        switch self {
        case .handshake, .topology: TopologyResult.sizeBytes
        case .ping: PingResult.sizeBytes
        case .stats: ShardStatsResult.sizeBytes
        case .snapshot: SnapshotResult.sizeBytes
        case .tail: TailResult.sizeBytes
        case .mirror: MirrorResult.sizeBytes
        case .createSale, .getSale, .listSales, .restockSale, .closeSale: SaleResult.sizeBytes
        case .order: OrderResult.sizeBytes
        case .confirm, .cancel, .extend, .getOrder, .listUserOrders: OrderViewResult.sizeBytes
        case .listSaleOrders: SaleOrderResult.sizeBytes
        case .earnPoints, .usePoints: PointResult.sizeBytes
        case .cancelTransaction, .getTransaction, .listTransactions: TransactionViewResult.sizeBytes
        case .getBalance: BalanceResult.sizeBytes
        case .createPolicy, .getPolicy, .listPolicies, .restockPolicy, .closePolicy: PolicyResult.sizeBytes
        case .issueCoupon: CouponResult.sizeBytes
        case .useCoupon, .restoreCoupon, .getCoupon, .listUserCoupons: CouponViewResult.sizeBytes
        case .placeCheckout, .confirmCheckout, .cancelCheckout, .getCheckout: CheckoutResult.sizeBytes
        }
    }

    /// Who answers it, and where the entries say so.
    public enum Owner: Sendable {
        /// The shard of the connection, itself.
        case connection
        /// The owner of partition 0, which keeps the catalogue.
        case catalogue
        /// The shard of the user whose id its one entry begins with.
        case user
        /// The shard that the position in its one entry names.
        case position
        /// For each entry the shard of the partition that is carried by the id it begins with.
        case ids
    }

    @inlinable
    public var owner: Owner {
        switch self {
        case .handshake, .ping, .stats, .topology, .snapshot, .tail, .mirror: .connection
        case .createSale, .getSale, .listSales, .restockSale, .closeSale,
            .createPolicy, .getPolicy, .listPolicies, .restockPolicy, .closePolicy:
            .catalogue
        case .listUserOrders, .getBalance, .listTransactions, .listUserCoupons: .user
        case .listSaleOrders: .position
        case .order, .confirm, .cancel, .extend, .getOrder,
            .earnPoints, .usePoints, .cancelTransaction, .getTransaction,
            .issueCoupon, .useCoupon, .restoreCoupon, .getCoupon,
            .placeCheckout, .confirmCheckout, .cancelCheckout, .getCheckout:
            .ids
        }
    }

    /// The largest number of entries in one frame.
    @inlinable
    public var countMax: Int {
        if answersList { return 1 }
        switch owner {
        case .connection, .user, .position: return 1
        case .catalogue: return Frame.catalogueBatchCountMax
        case .ids: return isCheckout ? Frame.checkoutBatchCountMax : Frame.batchCountMax
        }
    }

    /// Whether the reply holds as many results as there are, instead of one for each entry.
    @inlinable
    public var answersList: Bool {
        switch self {
        case .stats, .tail, .listSales, .listUserOrders, .listSaleOrders, .listTransactions, .listPolicies,
            .listUserCoupons:
            true
        default: false
        }
    }

    /// Whether the operation reads or writes the catalogue.
    @inlinable
    public var isCatalogue: Bool { owner == .catalogue }

    /// Whether it writes the catalogue: what every shard has to follow, and what only an admin may ask for.
    @inlinable
    public var changesCatalogue: Bool {
        switch self {
        case .createSale, .restockSale, .closeSale, .createPolicy, .restockPolicy, .closePolicy: true
        default: false
        }
    }

    /// Whether its entries begin with the id of a checkout: each is worth several orders.
    @inlinable
    public var isCheckout: Bool {
        switch self {
        case .placeCheckout, .confirmCheckout, .cancelCheckout, .getCheckout: true
        default: false
        }
    }

    /// Whether its entries begin with an id of their own and name the user behind it, at 16.
    @inlinable
    public var namesUser: Bool {
        switch self {
        case .order, .earnPoints, .usePoints, .issueCoupon, .placeCheckout: true
        default: false
        }
    }

    /// Whether it begins something, or lists much, so that a server with more to do than it can may refuse it with
    /// `BUSY`. What ends something, an open hold before all, is always served.
    @inlinable
    public var isNewWork: Bool {
        switch self {
        case .order, .placeCheckout, .issueCoupon, .useCoupon, .earnPoints, .usePoints,
            .listUserOrders, .listSaleOrders, .listTransactions, .listUserCoupons:
            true
        default: false
        }
    }

    /// Whether only a token of scope `admin` may ask for it.
    @inlinable
    public var isAdmin: Bool { changesCatalogue || isAside || self == .listSaleOrders }

    /// Whether it takes longer than a turn of a shard and touches none of its state: somebody else does it.
    @inlinable
    public var isAside: Bool { self == .snapshot || self == .tail }
}

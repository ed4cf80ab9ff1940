import Protocol

/// What a user has besides orders: made at the first operation of another module. One cache line.
///
/// It repeats what an earning has to know of the first and the last lot: so that most earnings touch neither.
struct WalletRecord: BitwiseCopyable {
    /// What the lots in the list have left.
    var points: UInt64 = 0
    /// Of the first lot; 0: never, or there is none.
    var firstExpiresAtMs: UInt64 = 0
    /// Of the last lot.
    var lastExpiresAtMs: UInt64 = 0
    var lastCreatedAtMs: UInt64 = 0
    /// The lot that expires first, and the one that expires last, of those with points left. Lots that have expired
    /// stay in front until the next use takes them out.
    var firstLot: UInt32 = 0
    var lastLot: UInt32 = 0
    /// From the front to this one each lot names the next one. Those behind it name only the one before them, until
    /// somebody walks there.
    var linkedLot: UInt32 = 0
    var lotCount: UInt32 = 0
    var newestTransaction: UInt32 = 0
    var newestCoupon: UInt32 = 0
    var couponCount: UInt32 = 0
    /// Lots that confirms of checkouts will make: room is kept for them.
    var lotsReserved: UInt16 = 0
    private var reserved: UInt16 = 0

    init() {}

    var isEmpty: Bool { newestTransaction | newestCoupon == 0 && lotsReserved == 0 }

    @inline(__always)
    func isFirstLotExpired(nowMs: UInt64) -> Bool { firstExpiresAtMs != 0 && firstExpiresAtMs <= nowMs }
}

extension Engine {
    /// A user's wallet, made if there is none: there is room for one of each user who has something to put into it.
    mutating func wallet(ofUser user: UInt32) -> UnsafeMutablePointer<WalletRecord> {
        let record = users[user]
        if record.pointee.wallet == 0 {
            record.pointee.wallet = wallets.allocate()
            wallets[record.pointee.wallet].initialize(to: WalletRecord())
        }
        return wallets[record.pointee.wallet]
    }
}

import Protocol

/// What a user has besides orders: made at the first operation of another module. 40 bytes.
struct WalletRecord: BitwiseCopyable {
    /// The lot that expires first, and the one that expires last, of those with points left. Lots that have expired
    /// stay in front until the next use takes them out.
    var firstLot: UInt32 = 0
    var lastLot: UInt32 = 0
    var lotCount: UInt32 = 0
    /// Lots that confirms of checkouts will make: room is kept for them.
    var lotsReserved: UInt32 = 0
    var newestTransaction: UInt32 = 0
    /// What the lots in the list have left.
    var points: UInt64 = 0
    var newestCoupon: UInt32 = 0
    var couponCount: UInt32 = 0

    var isEmpty: Bool { newestTransaction | newestCoupon | lotsReserved == 0 }
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

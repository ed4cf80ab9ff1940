/// A record in the chain of its user's records, newest first.
protocol ChainedRecord: BitwiseCopyable {
    var user: UInt32 { get }
    /// The user's record before this one, 0 for none.
    var older: UInt32 { get set }
}

extension OrderRecord: ChainedRecord {}
extension TransactionRecord: ChainedRecord {}
extension CouponRecord: ChainedRecord {}

/// Where the last record that left a chain was: the record in front of it. Records leave newest first, in a sweep and
/// in the replay of one, so that the next one is found from there, and to take out any number of one user's records
/// is one walk along the chain.
struct ChainCursor {
    /// 0: nowhere yet.
    fileprivate var user: UInt32 = 0
    fileprivate var newer: UInt32 = 0
    /// Records walked over since the start.
    fileprivate(set) var steps: UInt64 = 0
}

extension Pool where Record: ChainedRecord {
    /// Takes a record out of its chain; answers the newest one behind that. The caller then frees its slot.
    func unlink(_ slot: UInt32, newest: UInt32, _ cursor: inout ChainCursor) -> UInt32 {
        let older = self[slot].pointee.older
        if newest == slot {
            cursor.user = 0
            return older
        }
        self[newer(than: slot, newest: newest, cursor: &cursor)].pointee.older = older
        return newest
    }

    private func newer(than slot: UInt32, newest: UInt32, cursor: inout ChainCursor) -> UInt32 {
        let user = self[slot].pointee.user
        // The slot may be free by now, or of another user; if it is again one of this user, a walk from there is as
        // good.
        if cursor.user == user && self[cursor.newer].pointee.user == user {
            let found = walk(from: cursor.newer, to: slot, &cursor.steps)
            if found != 0 {
                cursor.newer = found
                return found
            }
        }
        let found = walk(from: newest, to: slot, &cursor.steps)
        precondition(found != 0, "a record is in the chain of its user")
        cursor.user = user
        cursor.newer = found
        return found
    }

    private func walk(from start: UInt32, to slot: UInt32, _ steps: inout UInt64) -> UInt32 {
        var newer = start
        while newer != 0 && self[newer].pointee.older != slot {
            newer = self[newer].pointee.older
            steps += 1
        }
        return newer
    }

    /// The records of a chain, oldest first.
    func oldestFirst(_ newest: UInt32) -> [UInt32] {
        var slots: [UInt32] = []
        var slot = newest
        while slot != 0 {
            slots.append(slot)
            slot = self[slot].pointee.older
        }
        return slots.reversed()
    }
}

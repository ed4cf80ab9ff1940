import Engine
import Protocol

// Checkouts after a restart: exactly what the surviving log says, everything that a client was shown, and of what was
// undone nothing.

extension World {
    /// The engines against the model, checkout by checkout. Promises 3, 7 and 10.
    func compareCheckouts() throws(Violation) {
        var count = 0
        for shard in 0..<machine.shards { count += machine.engine(shard).pointee.checkoutsKnown }
        guard count == model.checkoutPlaces.count else {
            throw Violation(
                10, "after a restart \(count) checkouts are known, the log has \(model.checkoutPlaces.count)")
        }
        for index in model.checkoutPlaces.values {
            let checkout = model.checkouts[index]
            let view = machine.checkout(checkout.id)
            let lines = model.lines(checkout)
            guard let version = model.versions(checkout).last, view.code == .ok, view.userId == checkout.user,
                view.state == version.state.rawValue, (view.flags & ResultFlags.late != 0) == version.isLate,
                view.expiresAtMs == (version.state == .held ? version.deadlineMs : 0),
                view.subtotal == checkout.subtotal, view.discount == checkout.discount,
                view.pointsUsed == checkout.pointsUsed, view.pointsEarned == checkout.pointsEarned,
                view.couponId == checkout.coupon.map({ model.coupons[$0].id }) ?? .zero,
                shows(view, lines)
            else {
                throw Violation(7, "after a restart checkout \(checkout.id) is \(view.head), the log says otherwise")
            }
            coverage[.factsChecked] += 1
        }
    }

    /// What clients were shown has survived; and of what has not, nothing has.
    func checkCheckoutFacts() throws(Violation) {
        for known in checkouts {
            let id = known.entry.checkoutId
            let versions = model.versionsOfCheckout(id)
            if versions < known.shownVersions {
                throw Violation(
                    3, "a client saw checkout \(id) after \(known.shownVersions) events; a crash left \(versions)")
            }
            if known.isTombstoneShown && model.allTombstones(id).isEmpty {
                throw Violation(
                    3, "a client was told that checkout \(id) is cancelled before it came; a crash undid it")
            }
            guard versions == 0, known.shownVersions == 0, !known.isTombstoneShown else { continue }
            for order in known.orders where model.wantedParts.contains(orders[order].id) {
                let view = machine.view(of: orders[order].id)
                guard view.code == .notFound || view.flags & ResultFlags.tombstone != 0 else {
                    throw Violation(7, "after a crash checkout \(id) is absent, its order \(view.orderId) is there")
                }
            }
        }
    }

    /// Where replies wait for the write alone, a power loss may undo what they said.
    func forgetLostCheckouts() {
        for index in checkouts.indices {
            let id = checkouts[index].entry.checkoutId
            let versions = model.versionsOfCheckout(id)
            checkouts[index].shownVersions = min(checkouts[index].shownVersions, versions)
            let decidedAtMs = checkouts[index].decidedAtMs
            if model.checkout(id, createdAtMs: decidedAtMs)?.createdAtMs != decidedAtMs {
                checkouts[index].decidedAtMs = 0
            }
            if model.allTombstones(id).isEmpty { checkouts[index].isTombstoneShown = false }
        }
    }
}

import Protocol

@testable import Engine

extension Cluster {
    func checkout(_ entry: PlaceCheckoutEntry) -> Reply<CheckoutResult> {
        let bytes = encode(PlaceCheckoutEntry.sizeBytes) { entry.store(to: $0) }
        return checkout(bytes, on: shard(ofId: entry.checkoutId))
    }

    /// An entry as bytes, which need not be well-formed.
    func checkout(_ bytes: [UInt8], on shard: Int) -> Reply<CheckoutResult> {
        let (results, waitLsn) = run(.placeCheckout, on: shard, bytes)
        return Reply(results.withUnsafeBytes { CheckoutResult($0.baseAddress!) }, waitLsn)
    }

    func checkout(
        _ user: Id128, _ lines: [(sale: UInt64, quantity: UInt32)], coupon: Id128 = .zero, use: UInt32 = 0,
        earn: UInt32 = 0, earnExpiresAtMs: UInt64 = 0, id: Id128? = nil
    ) -> Reply<CheckoutResult> {
        checkout(
            entry(user, lines, coupon: coupon, use: use, earn: earn, earnExpiresAtMs: earnExpiresAtMs, id: id))
    }

    func entry(
        _ user: Id128, _ lines: [(sale: UInt64, quantity: UInt32)], coupon: Id128 = .zero, use: UInt32 = 0,
        earn: UInt32 = 0, earnExpiresAtMs: UInt64 = 0, id: Id128? = nil
    ) -> PlaceCheckoutEntry {
        PlaceCheckoutEntry(
            checkoutId: id ?? mint(user), userId: user, couponId: coupon, earnExpiresAtMs: earnExpiresAtMs,
            usePoints: use, earnPoints: earn, lineCount: UInt16(lines.count),
            lines: CheckoutLines(lines.map { CheckoutLine(saleId: $0.sale, quantity: $0.quantity) })!)
    }

    /// Places a checkout that the test takes for granted; answers its id.
    func buy(
        _ user: Id128, _ lines: [(sale: UInt64, quantity: UInt32)], coupon: Id128 = .zero, use: UInt32 = 0,
        earn: UInt32 = 0
    ) -> Id128 {
        let reply = checkout(user, lines, coupon: coupon, use: use, earn: earn)
        precondition(reply.result.code == .ok, "\(reply.result.code)")
        return reply.result.checkoutId
    }

    func confirmCheckout(_ id: Id128) -> Reply<CheckoutResult> { checkout(.confirmCheckout, id) }
    func cancelCheckout(_ id: Id128) -> Reply<CheckoutResult> { checkout(.cancelCheckout, id) }
    func getCheckout(_ id: Id128) -> Reply<CheckoutResult> { checkout(.getCheckout, id) }

    private func checkout(_ operation: Operation, _ id: Id128) -> Reply<CheckoutResult> {
        let bytes = encode(CheckoutIdEntry.sizeBytes) { CheckoutIdEntry(checkoutId: id).store(to: $0) }
        let (results, waitLsn) = run(operation, on: shard(ofId: id), bytes)
        return Reply(results.withUnsafeBytes { CheckoutResult($0.baseAddress!) }, waitLsn)
    }

    /// Everything that an operation which leaves no trace leaves as it was: the state, the counters, timers, what is
    /// known and what is kept free. Units may lie in another stripe than before.
    var trace: [UInt64] {
        var words = [digest()]
        for offer in 0..<counters.saleCountMax {
            words += [counters.totals(offer).available, counters.turnstile(offer).pointee]
        }
        for shard in 0..<shards {
            for offer in 0..<counters.saleCountMax {
                words += [counters.totals(offer, of: shard).held, counters.totals(offer, of: shard).sold]
            }
            let engine = engines + shard
            words += [
                UInt64(engine.pointee.openHolds), UInt64(engine.pointee.usersKnown), UInt64(engine.pointee.ids.count),
                UInt64(engine.pointee.earningsReserved), UInt64(engine.pointee.wallets.count), lastLsn(shard),
                engine.pointee.hasReleases ? 1 : 0,
            ]
        }
        return words
    }
}

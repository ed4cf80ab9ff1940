import Protocol
import Testing

@testable import Engine

// What happens to an order after it was placed: each operation in each state.

@Suite struct HoldTests {
    let cluster = Cluster()
    let id: Id128
    let placedAtMs: UInt64

    init() {
        cluster.sell(1, stock: 10, limit: 8, holdMs: 1000)
        placedAtMs = cluster.nowMs
        id = cluster.place(user(1), 1, 4)
    }

    func view(_ code: ResultCode, _ state: OrderState, flags: UInt8 = 0, expiresAtMs: UInt64 = 0) -> OrderViewResult {
        OrderViewResult(
            code: code, state: state.rawValue, flags: flags, quantity: 4, orderId: id, userId: user(1), saleId: 1,
            createdAtMs: placedAtMs, expiresAtMs: expiresAtMs)
    }

    func totals(_ available: UInt64, _ held: UInt64, _ sold: UInt64) -> StockTotals {
        StockTotals(available: available, held: held, sold: sold)
    }

    // MARK: Confirm

    @Test func aHoldIsConfirmedOnce() {
        let reply = cluster.confirm(id)
        #expect(reply.result == view(.ok, .confirmed) && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.totals(1) == totals(6, 0, 4))
        #expect(cluster.openHolds() == 0)
        let events = cluster.history.count
        let again = cluster.confirm(id)
        #expect(again.result == view(.ok, .confirmed, flags: ResultFlags.repeat) && again.waitLsn == reply.waitLsn)
        #expect(cluster.history.count == events && cluster.totals(1) == totals(6, 0, 4))
    }

    /// Only a logged event ends a hold: until then a confirm finds it, however late.
    @Test func aHoldWhoseExpiryIsNotLoggedYetIsConfirmed() {
        cluster.nowMs += 5000
        #expect(cluster.confirm(id).result == view(.ok, .confirmed))
        cluster.advance(byMs: 0)
        #expect(cluster.get(id).result == view(.ok, .confirmed))
    }

    @Test func aCancelledOrderIsNotConfirmed() {
        _ = cluster.cancel(id)
        let reply = cluster.confirm(id)
        #expect(reply.result == view(.cancelled, .cancelled) && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.totals(1) == totals(10, 0, 0))
    }

    @Test func unknownOrdersAreNotFound() {
        let stranger = cluster.mint(user(1))
        let expected = OrderViewResult(
            code: .notFound, state: 0, flags: 0, quantity: 0, orderId: stranger, userId: .zero, saleId: 0,
            createdAtMs: 0, expiresAtMs: 0)
        for reply in [cluster.confirm(stranger), cluster.get(stranger), cluster.extend(stranger, to: cluster.nowMs)] {
            #expect(reply.result == expected && reply.waitLsn == 0)
        }
        let malformed = Id128(high: stranger.high, low: 5)
        for reply in [
            cluster.confirm(malformed), cluster.get(malformed), cluster.cancel(malformed),
            cluster.extend(malformed, to: cluster.nowMs),
        ] {
            #expect(reply.result.code == .invalidId && reply.result.orderId == malformed && reply.waitLsn == 0)
        }
    }

    // MARK: Cancel

    @Test func aHoldIsCancelledOnce() {
        let reply = cluster.cancel(id)
        #expect(reply.result == view(.ok, .cancelled) && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.totals(1) == totals(10, 0, 0))
        let events = cluster.history.count
        let again = cluster.cancel(id)
        #expect(again.result == view(.ok, .cancelled, flags: ResultFlags.repeat) && again.waitLsn == reply.waitLsn)
        #expect(cluster.history.count == events && cluster.totals(1) == totals(10, 0, 0))
        cluster.advance(byMs: 10_000)
        #expect(cluster.get(id).result == view(.ok, .cancelled))
    }

    /// A refund: the units of a confirmed order return, and count no more towards the user's limit.
    @Test func aConfirmedOrderIsRefunded() {
        _ = cluster.confirm(id)
        #expect(cluster.order(user(1), 1, 5).result.code == .limitExceeded)
        #expect(cluster.cancel(id).result == view(.ok, .cancelled))
        #expect(cluster.totals(1) == totals(10, 0, 0))
        #expect(cluster.order(user(1), 1, 8).result.code == .ok)
        #expect(cluster.confirm(id).result == view(.cancelled, .cancelled))
    }

    /// Cancelling an expired order is final: no late confirm any more, and its units return only once.
    @Test func anExpiredOrderIsCancelledForGood() {
        cluster.advance(byMs: 1000)
        #expect(cluster.totals(1) == totals(10, 0, 0))
        let events = cluster.history.count
        let reply = cluster.cancel(id)
        #expect(reply.result == view(.ok, .cancelled) && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.history.count == events + 1)
        #expect(cluster.totals(1) == totals(10, 0, 0))
        #expect(cluster.confirm(id).result == view(.cancelled, .cancelled))
    }

    // MARK: Expiry

    @Test func aHoldEndsAtItsDeadline() {
        #expect(cluster.nextExpiryMs()! <= placedAtMs + 1000)
        cluster.advance(byMs: 999)
        #expect(cluster.get(id).result == view(.ok, .held, expiresAtMs: placedAtMs + 1000))
        cluster.advance(byMs: 1)
        let reply = cluster.get(id)
        #expect(reply.result == view(.ok, .expired) && reply.waitLsn == cluster.lastLsn())
        #expect(cluster.totals(1) == totals(10, 0, 0))
        #expect(cluster.nextExpiryMs() == nil)
    }

    /// Expiry goes in portions, so that a turn of the shard stays short.
    @Test func expiryIsBoundedPerCall() {
        cluster.sell(2, stock: 100, holdMs: 1000)
        for number in 0..<50 as Range<UInt64> { _ = cluster.place(user(number), 2) }
        cluster.nowMs += 1000
        #expect(!cluster.expireOnce(0, limit: 10))
        #expect(cluster.openHolds() == 41)
        cluster.expire(0)
        #expect(cluster.openHolds() == 0)
    }

    // MARK: Extend

    @Test func aHoldIsProlonged() {
        let reply = cluster.extend(id, to: placedAtMs + 3000)
        #expect(reply.result == view(.ok, .held, expiresAtMs: placedAtMs + 3000))
        #expect(reply.waitLsn == cluster.lastLsn())
        cluster.advance(byMs: 2999)
        #expect(cluster.get(id).result.state == OrderState.held.rawValue)
        cluster.advance(byMs: 1)
        #expect(cluster.get(id).result == view(.ok, .expired))
    }

    @Test func aDeadlineNeverMovesBack() {
        _ = cluster.extend(id, to: placedAtMs + 3000)
        let events = cluster.history.count
        for deadline in [placedAtMs + 3000, placedAtMs + 1, 0] {
            let reply = cluster.extend(id, to: deadline)
            #expect(
                reply.result == view(.ok, .held, flags: ResultFlags.repeat, expiresAtMs: placedAtMs + 3000))
            #expect(reply.waitLsn == cluster.lastLsn())
        }
        #expect(cluster.history.count == events)
    }

    @Test func aDeadlineTooFarAheadIsInvalid() {
        let furthest = cluster.nowMs + UInt64(UInt32.max)
        for deadline in [furthest + 1, .max] {
            #expect(cluster.extend(id, to: deadline).result.code == .invalid)
        }
        #expect(cluster.extend(id, to: furthest).result.expiresAtMs == furthest)
        cluster.advance(byMs: UInt64(UInt32.max) - 1)
        #expect(cluster.get(id).result.state == OrderState.held.rawValue)
        cluster.advance(byMs: 1)
        #expect(cluster.get(id).result.state == OrderState.expired.rawValue)
    }

    @Test func onlyAHoldIsProlonged() {
        let other = cluster.place(user(2), 1)
        let third = cluster.place(user(3), 1)
        _ = cluster.confirm(id)
        _ = cluster.cancel(other)
        cluster.advance(byMs: 1000)
        #expect(cluster.extend(id, to: cluster.nowMs + 5).result == view(.confirmed, .confirmed))
        #expect(cluster.extend(other, to: cluster.nowMs + 5).result.code == .cancelled)
        #expect(cluster.extend(third, to: cluster.nowMs + 5).result.code == .expired)
    }

    // MARK: Grace

    @Test func noHoldEndsBeforeTheGrace() {
        let late = cluster.place(user(2), 1)
        _ = cluster.extend(late, to: placedAtMs + 90_000)
        let confirmed = cluster.place(user(3), 1)
        _ = cluster.confirm(confirmed)
        let events = cluster.history.count
        cluster.nowMs += 5000
        cluster.grace(0, notBeforeMs: cluster.nowMs + 30_000)
        #expect(cluster.history.count == events + 1)
        let reply = cluster.get(id)
        #expect(reply.result == view(.ok, .held, expiresAtMs: placedAtMs + 35_000))
        #expect(reply.waitLsn == cluster.lastLsn(), "the deadline shown is that of the grace")
        #expect(cluster.get(late).result.expiresAtMs == placedAtMs + 90_000)
        #expect(cluster.get(confirmed).result.expiresAtMs == 0)
        cluster.advance(byMs: 29_999)
        #expect(cluster.get(id).result.state == OrderState.held.rawValue)
        cluster.advance(byMs: 1)
        #expect(cluster.get(id).result.state == OrderState.expired.rawValue)
    }

    @Test func withoutHoldsThereIsNoGrace() {
        _ = cluster.cancel(id)
        let events = cluster.history.count
        cluster.grace(0, notBeforeMs: cluster.nowMs + 30_000)
        #expect(cluster.history.count == events)
    }
}

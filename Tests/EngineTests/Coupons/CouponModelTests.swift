import Protocol
import Testing

@testable import Engine

/// Coupons against a simple model, by random operations of a few users on a few policies, with repeats, conflicting ids
/// and restarts from the log and from snapshots on other numbers of shards. Every answer and every list is compared.
@Suite struct CouponModelTests {
    @Test func everyAnswerIsThatOfTheModel() throws {
        var tried: [ResultCode: Int] = [:]
        var repeats = 0
        for seed in 1...40 as ClosedRange<UInt64> {
            guard let run = try CouponRun.played(seed: seed, steps: 400) else { return }
            tried.merge(run.tried) { $0 + $1 }
            repeats += run.repeats
        }
        let codes: [ResultCode] = [
            .ok, .idReused, .notFound, .closed, .ended, .notStarted, .alreadyIssued, .exhausted, .notOwner,
            .alreadyUsed, .expired, .minPurchase, .notUsed,
        ]
        for code in codes { #expect(tried[code, default: 0] > 20, "\(code)") }
        #expect(repeats > 500)
    }
}

/// One random history.
private struct CouponRun: SeededRun {
    enum Entry {
        case issue(IssueCouponEntry)
        case use(UseCouponEntry)
        case restore(RestoreCouponEntry)
    }

    private(set) var tried: [ResultCode: Int] = [:]
    private(set) var repeats = 0
    private var dice: Dice
    private var cluster: Cluster
    private var model = CouponModel()
    /// The last two are of one partition: their coupons lie in one shard, whatever their number.
    private let users: [Id128]
    private var sent: [Entry] = []

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        cluster = Cluster(shards: dice.pick(1...3))
        users = [user(1), user(2), user(3), user(partition: Partition.of(user: user(3)))]
        self.dice = dice
        for _ in 0..<3 { createPolicy() }
    }

    mutating func step() throws -> String? {
        switch dice.below(100) {
        case 0..<30: return send(.issue(newIssue()))
        case 30..<55: return send(.use(newUse()))
        case 55..<70: return send(.restore(newRestore()))
        case 70..<82: return repeatOne()
        case 82..<88: cluster.nowMs += UInt64(dice.pick(1...60))
        case 88..<90: createPolicy()
        case 90..<93: restockPolicy()
        case 93..<94: closePolicy()
        case 94..<98: return compareLists()
        default: return try restart()
        }
        return nil
    }

    mutating func finish() throws -> String? {
        for policy in model.policies.values {
            let shown = cluster.policy(policy.terms.policyId).result
            let used = model.used(policy.terms.policyId)
            let isSame =
                shown.quantity == policy.quantity && shown.issued == policy.issued && shown.used == used
                && shown.remaining == policy.quantity - policy.issued
            if !isSame { return "policy \(shown) is not \(policy), of which \(used) are used" }
        }
        return try compareLists() ?? restart() ?? compareLists()
    }

    // MARK: Coupons

    private mutating func newIssue() -> IssueCouponEntry {
        let owner = dice.pick(users)
        return IssueCouponEntry(
            couponId: freshId(owner), userId: owner,
            policyId: dice.oneIn(20) ? 999 : UInt64(dice.pick(1...model.policies.count)))
    }

    private mutating func newUse() -> UseCouponEntry {
        let (owner, coupon) = target()
        return UseCouponEntry(
            useId: freshId(owner), couponId: coupon, userId: owner, orderId: dice.oneIn(2) ? .zero : Id128(dice.next()),
            purchaseAmount: dice.oneIn(3) ? 0 : UInt64(dice.pick(1...3000)))
    }

    private mutating func newRestore() -> RestoreCouponEntry {
        let (owner, coupon) = target()
        return RestoreCouponEntry(restoreId: freshId(owner), couponId: coupon, userId: owner)
    }

    /// Mostly a coupon and its owner.
    private mutating func target() -> (owner: Id128, coupon: Id128) {
        guard !model.coupons.isEmpty, !dice.oneIn(20) else {
            let owner = dice.pick(users)
            return (owner, freshId(owner))
        }
        let coupon = dice.pick(model.coupons).entry
        return (dice.oneIn(10) ? dice.pick(users) : coupon.userId, coupon.couponId)
    }

    private mutating func freshId(_ owner: Id128) -> Id128 {
        .version7(timeMs: cluster.nowMs, partition: Partition.of(user: owner), random: dice.next())
    }

    /// Sends something again, or something else under its id.
    private mutating func repeatOne() -> String? {
        guard !sent.isEmpty else { return nil }
        var entry = dice.pick(sent)
        if dice.oneIn(3) {
            switch entry {
            case .issue(var changed):
                changed.policyId = UInt64(dice.pick(1...model.policies.count))
                entry = .issue(changed)
            case .use(var changed):
                if dice.oneIn(2) { changed.purchaseAmount += 1 } else { changed.orderId = Id128(7) }
                entry = .use(changed)
            case .restore(let other):
                // A use under the id of a restore.
                entry = .use(
                    UseCouponEntry(
                        useId: other.restoreId, couponId: other.couponId, userId: other.userId, orderId: .zero,
                        purchaseAmount: 0))
            }
        }
        return send(entry)
    }

    private mutating func send(_ entry: Entry) -> String? {
        if sent.count < 60 { sent.append(entry) } else { sent[dice.below(60)] = entry }
        let events = cluster.history.count
        let (got, expected): (any Equatable, any Equatable)
        let (code, flags): (ResultCode, UInt8)
        let isSame: Bool
        switch entry {
        case .issue(let entry):
            let answers = (cluster.issue(entry).result, model.issue(entry, nowMs: cluster.nowMs))
            (got, expected, isSame) = (answers.0, answers.1, answers.0 == answers.1)
            (code, flags) = (answers.1.code, answers.1.flags)
        case .use(let entry):
            let answers = (cluster.use(entry).result, model.use(entry, nowMs: cluster.nowMs))
            (got, expected, isSame) = (answers.0, answers.1, answers.0 == answers.1)
            (code, flags) = (answers.1.code, answers.1.flags)
        case .restore(let entry):
            let reply = cluster.restore(entry.userId, coupon: entry.couponId, id: entry.restoreId)
            let answers = (reply.result, model.restore(entry, nowMs: cluster.nowMs))
            (got, expected, isSame) = (answers.0, answers.1, answers.0 == answers.1)
            (code, flags) = (answers.1.code, answers.1.flags)
        }
        tried[code, default: 0] += 1
        if flags != 0 { repeats += 1 }
        if !isSame { return "\(entry) got \(got), not \(expected)" }
        let isNew = code == .ok && flags == 0
        return cluster.history.count == events + (isNew ? 1 : 0) ? nil : "\(entry) left other events than it should"
    }

    // MARK: Policies

    private mutating func createPolicy() {
        guard model.policies.count < 8 else { return }
        let isPercent = dice.oneIn(2)
        let validFromMs = dice.oneIn(4) ? cluster.nowMs + UInt64(dice.pick(1...200)) : 0
        let entry = cluster.offer(
            UInt64(model.policies.count + 1), quantity: UInt64(dice.pick(1...12)), limit: UInt32(dice.below(4)),
            fixed: isPercent ? nil : UInt64(dice.pick(1...2000)), percent: UInt64(dice.pick(1...100)),
            maxDiscount: dice.oneIn(3) ? UInt64(dice.pick(1...500)) : 0,
            minPurchase: dice.oneIn(3) ? UInt64(dice.pick(1...2000)) : 0, validFromMs: validFromMs,
            validUntilMs: dice.oneIn(3) ? max(validFromMs, cluster.nowMs) + UInt64(dice.pick(100...600)) : 0)
        model.policies[entry.policyId] = .init(terms: entry, quantity: entry.quantity)
    }

    private mutating func restockPolicy() {
        let policy = UInt64(dice.pick(1...model.policies.count))
        let units = UInt64(dice.pick(1...6))
        if cluster.restockPolicy(policy, units).result.code == .ok { model.policies[policy]!.quantity += units }
    }

    private mutating func closePolicy() {
        let policy = UInt64(dice.pick(1...model.policies.count))
        _ = cluster.closePolicy(policy)
        model.policies[policy]!.isClosed = true
    }

    // MARK: Looking

    private mutating func compareLists() -> String? {
        for owner in users {
            let mask = UInt8(dice.below(8))
            let got = cluster.coupons(of: owner, stateMask: mask, page: UInt16(dice.pick([1, 3, 1000])))
            let expected = model.list(owner, stateMask: mask, nowMs: cluster.nowMs)
            if got != expected { return "\(owner) has \(got), not \(expected), in states \(mask)" }
        }
        return nil
    }

    /// From the log, or from a snapshot; the history goes on from there.
    private mutating func restart() throws -> String? {
        let digest = cluster.digest()
        let shards = dice.pick(1...3)
        cluster = dice.oneIn(2) ? try cluster.replayed(shards: shards) : try cluster.rebuilt(shards: shards)
        return cluster.digest() == digest ? nil : "\(shards) shards have another state after a restart"
    }
}

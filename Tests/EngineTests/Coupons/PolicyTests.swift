import Protocol
import Testing

@testable import Engine

/// Policies beside sales in one catalogue: creation, restock, closing, and what is shown of them. What both have in
/// common is shown by `CatalogueTests`.
@Suite struct PolicyTests {
    let cluster = Cluster(shards: 3, capacities: .init(sales: 6, catalogueOperations: 12))

    func entry(_ policy: UInt64 = 7, change: (inout CreatePolicyEntry) -> Void = { _ in }) -> CreatePolicyEntry {
        var entry = CreatePolicyEntry(
            operationId: cluster.mintForCatalogue(), policyId: policy, quantity: 10, validFromMs: 0, validUntilMs: 0,
            discountValue: 15, maxDiscount: 2000, minPurchase: 1000, perUserLimit: 1,
            discountKind: DiscountKind.percent.rawValue, name: Name("15% off")!)
        change(&entry)
        return entry
    }

    func refused(_ code: ResultCode, _ policy: UInt64) -> PolicyResult {
        PolicyResult(
            code: code, state: 0, flags: 0, perUserLimit: 0, policyId: policy, quantity: 0, remaining: 0, issued: 0,
            used: 0, validFromMs: 0, validUntilMs: 0, discountValue: 0, maxDiscount: 0, minPurchase: 0,
            createdAtMs: 0, discountKind: 0, name: Name())
    }

    @Test func aPolicyIsShownAsItWasCreated() {
        let created = cluster.create(entry { $0.validUntilMs = cluster.nowMs + 5000 })
        #expect(created.result.code == .ok && created.waitLsn == 1)
        let expected = PolicyResult(
            code: .ok, state: SaleState.open.rawValue, flags: 0, perUserLimit: 1, policyId: 7, quantity: 10,
            remaining: 10, issued: 0, used: 0, validFromMs: 0, validUntilMs: cluster.nowMs + 5000, discountValue: 15,
            maxDiscount: 2000, minPurchase: 1000, createdAtMs: cluster.nowMs,
            discountKind: DiscountKind.percent.rawValue, name: Name("15% off")!)
        #expect(cluster.policy(7).result == expected)
        #expect(cluster.policy(8).result == refused(.notFound, 8))
    }

    @Test func salesAndPoliciesHaveIdsOfTheirOwn() {
        cluster.sell(7, stock: 5)
        #expect(cluster.policy(7).result.code == .notFound)
        #expect(cluster.restockPolicy(7, 1).result == refused(.notFound, 7))
        #expect(cluster.closePolicy(7).result == refused(.notFound, 7))
        cluster.offer(7, quantity: 9)
        #expect(cluster.sale(7).result.stock == 5 && cluster.policy(7).result.quantity == 9)
        #expect(cluster.restockPolicy(7, 3).result.quantity == 12)
        #expect(cluster.closePolicy(7).result.state == SaleState.closed.rawValue)
        #expect(cluster.sale(7).result.stock == 5 && cluster.sale(7).result.state == SaleState.open.rawValue)
        #expect(cluster.order(user(1), 7).result.code == .ok)
        #expect(cluster.listSales().sales.map(\.saleId) == [7])
        #expect(cluster.listPolicies().map(\.policyId) == [7])
    }

    @Test func creationIsIdempotentByItsId() {
        let policy = entry()
        _ = cluster.create(policy)
        let again = cluster.create(policy)
        #expect(again.result.code == .ok && again.result.flags == ResultFlags.repeat)
        #expect(cluster.history.count == 1 && cluster.policy(7).result.remaining == 10)
        let changes: [(inout CreatePolicyEntry) -> Void] = [
            { $0.policyId = 8 }, { $0.quantity = 11 }, { $0.validFromMs = 1 }, { $0.validUntilMs = 1 << 46 },
            { $0.discountValue = 16 }, { $0.discountValue = 101 }, { $0.maxDiscount = 0 }, { $0.minPurchase = 0 },
            { $0.perUserLimit = 2 }, { $0.discountKind = 0 }, { $0.discountKind = 2 }, { $0.name = Name("other")! },
        ]
        for change in changes {
            var other = policy
            change(&other)
            let reply = cluster.create(other)
            #expect(reply.result == refused(.idReused, other.policyId) && reply.waitLsn == 1)
        }
        #expect(cluster.restockPolicy(7, 10, id: policy.operationId).result.code == .idReused)
        // A sale's creation that says the same is another operation all the same.
        let sale = CreateSaleEntry(
            operationId: policy.operationId, saleId: 7, stock: 10, startsAtMs: 0, endsAtMs: 0, perUserLimit: 1,
            holdMs: 0, unitPrice: 15, name: policy.name)
        #expect(cluster.create(sale).result.code == .idReused)
        #expect(cluster.create(entry()).result == refused(.alreadyExists, 7))
        #expect(cluster.history.count == 1)
    }

    @Test func aRestockIsOfItsOwnKind() {
        cluster.sell(7, stock: 5)
        cluster.offer(7, quantity: 5)
        let id = cluster.mintForCatalogue()
        #expect(cluster.restockPolicy(7, 3, id: id).result.quantity == 8)
        #expect(cluster.restockPolicy(7, 3, id: id).result.flags == ResultFlags.repeat)
        #expect(cluster.restock(7, 3, id: id).result.code == .idReused)
        #expect(cluster.restockPolicy(7, 4, id: id).result.code == .idReused)
        #expect(cluster.policy(7).result.quantity == 8 && cluster.sale(7).result.stock == 5)
    }

    @Test func whatMakesNoSenseIsRefused() {
        let now = cluster.nowMs
        let cases: [(ResultCode, (inout CreatePolicyEntry) -> Void)] = [
            (.invalid, { $0.policyId = 0 }), (.invalid, { $0.quantity = 0 }),
            (.invalid, { $0.quantity = 1 << 40 + 1 }), (.invalid, { $0.discountKind = 2 }),
            (.invalid, { $0.validUntilMs = now }),
            (.invalid, { ($0.validFromMs, $0.validUntilMs) = (now + 5, now + 5) }),
            (.invalidPercentage, { $0.discountValue = 101 }), (.invalidPercentage, { $0.discountValue = .max }),
            (.invalidAmount, { $0.discountValue = 0 }),
            (.invalidAmount, { ($0.discountKind, $0.discountValue) = (0, 0) }),
            (.invalidAmount, { ($0.discountKind, $0.discountValue) = (0, 1 << 53) }),
            (.invalidAmount, { $0.maxDiscount = 1 << 53 }), (.invalidAmount, { $0.minPurchase = 1 << 53 }),
        ]
        for (code, change) in cases {
            let policy = entry(change: change)
            #expect(cluster.create(policy).result == refused(code, policy.policyId))
        }
        var bytes = encode(CreatePolicyEntry.sizeBytes) { entry().store(to: $0) }
        bytes[79] = 1
        let reserved = cluster.catalogue(.createPolicy, PolicyResult.init) {
            $0.copyMemory(from: bytes, byteCount: bytes.count)
        }
        #expect(reserved.result == refused(.invalid, 7))
        #expect(cluster.history.isEmpty && cluster.engines[0].offersKnown == 0)
        let largest = entry {
            ($0.discountKind, $0.discountValue, $0.maxDiscount) = (0, 1 << 53 - 1, 1 << 53 - 1)
            $0.minPurchase = 1 << 53 - 1
        }
        #expect(cluster.create(largest).result.code == .ok)
        #expect(cluster.create(entry(8) { $0.discountValue = 100 }).result.code == .ok)
    }

    @Test func theCatalogueHoldsBothWithinItsBounds() {
        for number in 1...3 as ClosedRange<UInt64> {
            cluster.sell(number, stock: 1)
            cluster.offer(number, quantity: 1)
        }
        #expect(cluster.create(entry()).result == refused(.capacity, 7))
        // Known ids go on being answered.
        #expect(cluster.create(entry(3)).result == refused(.alreadyExists, 3))
        for _ in 0..<6 { #expect(cluster.restockPolicy(1, 1).result.code == .ok) }
        #expect(cluster.restockPolicy(1, 1).result == refused(.capacity, 1))
        #expect(cluster.closePolicy(1).result.code == .ok)
    }

    @Test func statesAreThoseOfSales() {
        let now = cluster.nowMs
        cluster.offer(1, quantity: 1, validFromMs: now + 10, validUntilMs: now + 20)
        cluster.offer(2, quantity: 1)
        cluster.offer(3, quantity: 1, validUntilMs: now + 5)
        _ = cluster.closePolicy(2)
        let states = { cluster.listPolicies(page: 2).map(\.state) }
        #expect(states() == [SaleState.scheduled, .closed, .open].map(\.rawValue))
        cluster.nowMs += 10
        #expect(states() == [SaleState.open, .closed, .ended].map(\.rawValue))
        let open = cluster.listPolicies(stateMask: 1 << SaleState.open.rawValue)
        #expect(open.map(\.policyId) == [1])
    }

    /// The same from the log and from a snapshot, on another number of shards.
    @Test func policiesSurviveARestart() throws {
        cluster.sell(7, stock: 5)
        cluster.offer(7, quantity: 5, fixed: nil, percent: 20, maxDiscount: 30, minPurchase: 40)
        let id = cluster.mintForCatalogue()
        _ = cluster.restockPolicy(7, 3, id: id)
        cluster.offer(9, quantity: 2, limit: 0, validUntilMs: cluster.nowMs + 1000)
        _ = cluster.closePolicy(9)
        for fresh in [try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2), try cluster.rebuilt(shards: 4)] {
            #expect(fresh.digest() == cluster.digest())
            #expect(fresh.listPolicies() == cluster.listPolicies())
            #expect(fresh.listSales().sales == cluster.listSales().sales)
            #expect(fresh.restockPolicy(7, 3, id: id).result.flags == ResultFlags.repeat)
            #expect(fresh.restock(7, 3, id: id).result.code == .idReused)
            #expect(fresh.policy(7).result.remaining == 8)
        }
    }

    @Test func damageInAPolicyIsFound() throws {
        cluster.offer(7, quantity: 5)
        _ = cluster.closePolicy(7)
        var damaged = cluster.history
        damaged[0].bytes[EventField.discountKind] = 2
        #expect(throws: EventFault.self) { try Cluster(shards: 1).replay(damaged[0]) }
        #expect(throws: EventFault.contradiction("closing of policy 7, which no event created")) {
            try Cluster(shards: 1).replay(cluster.history[1])
        }
        let fresh = Cluster(shards: 1)
        try fresh.replay(cluster.history[0])
        #expect(throws: EventFault.contradiction("policy 7 was created twice")) {
            try fresh.replay(cluster.history[0])
        }
    }
}

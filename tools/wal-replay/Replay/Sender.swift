import CommandLineTool
import TimesaleClient

import struct Protocol.Id128

/// Sends recorded operations to a server: those of one user one after the other, those of many side by side.
///
/// A change of the catalogue waits until all before it are answered, and is answered before anything follows; so
/// does an order that may need what was given back shortly before it (`StockModel`). A late confirm that finds no
/// units is tried again when all calls before it are over.
final class Sender: Sendable {
    struct Refusal: Sendable {
        var index: Int
        var operation: RecordedOperation
        var reason: String
    }

    /// What has been sent so far.
    actor Tally {
        private(set) var accepted = 0
        private(set) var refusals: [Refusal] = []
        /// The most that a call was sent behind its time.
        private(set) var lateMaxMs: UInt64 = 0

        func accept() { accepted += 1 }
        func refuse(_ refusal: Refusal) { refusals.append(refusal) }
        func late(_ ms: UInt64) { lateMaxMs = max(lateMaxMs, ms) }
    }

    let tally = Tally()
    private let client: TimesaleClient
    /// What is added to a time of the recording to have one of this replay.
    private let shiftMs: UInt64
    private let window = CallWindow(countMax: 1 << 15)
    private let lanes: [AsyncStream<Entry>.Continuation]
    private let streams: [AsyncStream<Entry>]

    private struct Entry: Sendable {
        var index: Int
        var operation: RecordedOperation
    }

    private static let laneCount = 1024

    init(_ client: TimesaleClient, shiftMs: UInt64) {
        self.client = client
        self.shiftMs = shiftMs
        let made = (0..<Self.laneCount).map { _ in AsyncStream.makeStream(of: Entry.self) }
        lanes = made.map(\.continuation)
        streams = made.map(\.stream)
    }

    /// Runs until `produce` has given all calls and all of them are over.
    func run(_ produce: (_ send: (RecordedOperation) async -> Void) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for stream in streams {
                group.addTask { for await entry in stream { await self.perform(entry) } }
            }
            let result: Result<Void, any Error>
            do {
                var stock = StockModel()
                try await produce { await self.send($0, &stock) }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            for lane in lanes { lane.finish() }
            try await group.waitForAll()
            try result.get()
        }
    }

    private func send(_ operation: RecordedOperation, _ stock: inout StockModel) async {
        if stock.mustWait(for: operation) { await window.untilIdle() }
        guard let partition = operation.partition else {
            await window.untilIdle()
            await perform(Entry(index: await window.begin(), operation: operation))
            return
        }
        lanes[partition % Self.laneCount].yield(Entry(index: await window.begin(), operation: operation))
    }

    private func perform(_ entry: Entry) async {
        do throws(TimesaleError) {
            try await attempt(entry)
            await tally.accept()
        } catch {
            await tally.refuse(Refusal(index: entry.index, operation: entry.operation, reason: "\(error)"))
        }
        await window.end(entry.index)
    }

    private func attempt(_ entry: Entry) async throws(TimesaleError) {
        do throws(TimesaleError) {
            try await call(entry.operation)
        } catch {
            switch error.refusal {
            case .soldOut?, .exhausted?, .expired?:
                await window.untilFirst(entry.index)
                try await call(entry.operation)
            default: throw error
            }
        }
    }

    private func call(_ operation: RecordedOperation) async throws(TimesaleError) {
        switch operation {
        case .createSale(let offer):
            let sale = NewSale(
                id: SaleID(offer.id), name: offer.name, stock: offer.stock,
                perUserLimit: offer.perUserLimit == 0 ? nil : offer.perUserLimit, holdMs: offer.holdMs,
                unitPrice: offer.unitPrice)
            _ = try await client.createSale(sale, operation: operationId(offer.operation))
        case .createPolicy(let offer):
            let policy = NewPolicy(
                id: PolicyID(offer.id), name: offer.name, quantity: offer.stock,
                discount: offer.isPercent ? .percent(offer.discount) : .fixed(offer.discount),
                maxDiscount: offer.maxDiscount == 0 ? nil : offer.maxDiscount,
                minPurchase: offer.minPurchase == 0 ? nil : offer.minPurchase,
                perUserLimit: offer.perUserLimit == 0 ? nil : offer.perUserLimit)
            _ = try await client.createPolicy(policy, operation: operationId(offer.operation))
        case .restock(false, let id, let offer, let units):
            _ = try await client.restock(SaleID(offer), quantity: units, operation: operationId(id))
        case .restock(true, let id, let offer, let units):
            _ = try await client.restockPolicy(PolicyID(offer), quantity: units, operation: operationId(id))
        case .close(false, let offer): _ = try await client.close(SaleID(offer))
        case .close(true, let offer): _ = try await client.closePolicy(PolicyID(offer))
        case .order(let id, let user, let sale, let quantity):
            _ = try await client.order(
                OrderRequest(sale: SaleID(sale), user: userId(user), quantity: quantity, id: named(id)))
        case .confirm(let id): _ = try await client.confirm(named(id) as OrderID)
        case .cancel(let id): _ = try await client.cancel(named(id) as OrderID)
        case .extend(let id, let forMs):
            _ = try await client.extend(named(id), untilMs: try await client.ping().serverTimeMs + forMs)
        case .checkout(let checkout):
            let lines = checkout.lines.map { CheckoutLine(sale: SaleID($0.sale), quantity: $0.quantity) }
            _ = try await client.checkout(
                CheckoutRequest(
                    lines, user: userId(checkout.user),
                    coupon: checkout.coupon.isZero ? nil : named(checkout.coupon),
                    usePoints: checkout.usePoints, earnPoints: checkout.earnPoints,
                    earnExpiresAtMs: shifted(checkout.earnExpiresAtMs), id: named(checkout.id)))
        case .confirmCheckout(let id): _ = try await client.confirmCheckout(named(id))
        case .cancelCheckout(let id): _ = try await client.cancelCheckout(named(id))
        case .earn(let id, let user, let points, let expiresAtMs, let reason):
            _ = try await client.earnPoints(
                points, user: userId(user), expiresAtMs: shifted(expiresAtMs), reason: reason, id: named(id))
        case .use(let id, let user, let points, let reason):
            _ = try await client.usePoints(points, user: userId(user), reason: reason, id: named(id))
        case .cancelTransaction(let id): _ = try await client.cancelTransaction(named(id))
        case .issue(let id, let user, let policy):
            _ = try await client.issueCoupon(policy: PolicyID(policy), user: userId(user), id: named(id))
        case .useCoupon(let id, let coupon, let user, let order, let purchaseAmount):
            _ = try await client.useCoupon(
                named(coupon), user: userId(user), purchaseAmount: purchaseAmount == 0 ? nil : purchaseAmount,
                order: order.isZero ? nil : named(order), use: named(id))
        case .restoreCoupon(let id, let coupon, let user):
            _ = try await client.restoreCoupon(named(coupon), user: userId(user), restore: named(id))
        }
    }

    /// Lots keep the order in which they expire. Nil: never.
    private func shifted(_ expiresAtMs: UInt64) -> UInt64? { expiresAtMs == 0 ? nil : expiresAtMs &+ shiftMs }

    private func userId(_ id: Id128) -> UserID { UserID(high: id.high, low: id.low) }

    private func named<ID: UserOperationID>(_ id: Id128) -> ID { ID(high: id.high, low: id.low) }

    private func operationId(_ id: Id128) -> OperationID { OperationID("\(id)") ?? .mint() }
}

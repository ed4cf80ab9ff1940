import Engine
import Log
import Protocol
import TestSupport
import Testing

@testable import Shard

/// What a shard admits by the room that the disk has: as long as the ends of all open holds fit.
@Suite struct SpaceTests {
    private let rig = MeshRig(shards: 1, retainMs: 1 << 40)

    /// Whether the shard accepts what is new when it has room for so many bytes, and whether that has changed. The
    /// segment of the rig is larger than that: the disk is taken for having so much less.
    private func admit(_ bytes: Int) -> (isOpen: Bool, hasChanged: Bool) {
        let hasChanged = rig.cores[0].admit(roomBytes: bytes - rig.cores[0].writer.roomBytes)
        return (rig.cores[0].hasLogSpace, hasChanged)
    }

    @Test func eachOpenHoldIsKeptRoomFor() {
        let margin = ShardCore.spaceMarginBytes
        #expect(admit(margin) == (true, false))
        #expect(admit(margin - 1) == (false, true))
        #expect(admit(margin - 1) == (false, false))
        #expect(admit(margin) == (true, true))

        var mint = IdMint(seed: 7)
        let sale = CreateSaleEntry.open(
            1, stock: 300, holdMs: 60_000, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let created: [SaleResult] = rig.ask(.createSale, [sale])
        #expect(created.map(\.code) == [.ok])
        let user = mint.user()
        let orders = (0..<3).map { _ in
            OrderEntry(orderId: mint.id(user: user, timeMs: rig.nowMs), userId: user, saleId: 1, quantity: 1)
        }
        let placed: [OrderResult] = rig.ask(.order, orders)
        #expect(placed.allSatisfy { $0.code == .ok })
        #expect(admit(margin + 3 * ShardCore.bytesPerOpenHold) == (true, false))
        #expect(admit(margin + 3 * ShardCore.bytesPerOpenHold - 1) == (false, true))
        let refused: [OrderResult] = rig.ask(
            .order, [OrderEntry(orderId: mint.id(user: user, timeMs: rig.nowMs), userId: user, saleId: 1, quantity: 1)])
        #expect(refused.map(\.code) == [.noSpace])
        let ended: [OrderViewResult] = rig.ask(.confirm, [OrderIdEntry(orderId: orders[0].orderId)])
        #expect(ended.map(\.code) == [.ok])
        #expect(admit(margin + 2 * ShardCore.bytesPerOpenHold) == (true, true))
    }
}

import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// A fault of one entry is that entry's result; the others of its frame go ahead.
    @Suite(.serialized) struct BadEntries {
        @Test(arguments: Setup.all) func orders(_ setup: Setup) throws {
            var mint = IdMint(seed: 20)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let sale = CreateSaleEntry.open(1, stock: 1000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let user = mint.user()
            let faults =
                [
                    EntryFault(name: "quantity 0", code: .invalid, change: EntryFault.store(UInt32(0), 40)),
                    EntryFault(
                        name: "quantity 1,000,001", code: .invalid,
                        change: EntryFault.store(UInt32(1_000_001), 40)),
                    EntryFault(
                        name: "quantity 2^32-1", code: .invalid, change: EntryFault.store(UInt32.max, 40)),
                    EntryFault(name: "reserved", code: .invalid, change: EntryFault.store(UInt32(1), 44)),
                    EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 16)),
                    EntryFault(name: "sale 0", code: .notFound, change: EntryFault.store(UInt64(0), 32)),
                    EntryFault(
                        name: "an unknown sale", code: .notFound, change: EntryFault.store(UInt64(2), 32)),
                    EntryFault(
                        name: "sale 2^64-1", code: .notFound, change: EntryFault.store(UInt64.max, 32)),
                    EntryFault(
                        name: "a million units", code: .soldOut,
                        change: EntryFault.store(UInt32(1_000_000), 40)),
                ] + EntryFault.ids(of: user, at: 0)
            var right: UInt64 = 0
            try EntryFault.present(faults, .order, client, code: \OrderResult.code) {
                right += 1
                return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
            }
            // Of those that were asked for, only the ones left unchanged were placed.
            let placed = UInt64(faults.count + 1)
            let after = try client.getSale(1)
            #expect(after.sold == placed && after.available == 1000 - placed && after.held == 0)
            #expect(try client.listUserOrders(user).items.count == Int(placed))
            stop(server)
        }

        @Test(arguments: Setup.all) func sales(_ setup: Setup) throws {
            var mint = IdMint(seed: 21)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let nowMs = wallClockMs()
            let name = EntryFault.store(UInt16(79), 64)
            var faults = [
                EntryFault(name: "sale 0", code: .invalid, change: EntryFault.store(UInt64(0), 16)),
                EntryFault(name: "stock 0", code: .invalid, change: EntryFault.store(UInt64(0), 24)),
                EntryFault(
                    name: "stock 2^40+1", code: .invalid, change: EntryFault.store(UInt64(1 << 40 + 1), 24)),
                EntryFault(name: "ended", code: .invalid, change: EntryFault.store(nowMs - 1000, 40)),
                EntryFault(name: "start 2^47", code: .invalid, change: EntryFault.store(UInt64(1 << 47), 32)),
                EntryFault(name: "end 2^47", code: .invalid, change: EntryFault.store(UInt64(1 << 47), 40)),
                EntryFault(name: "price 2^53", code: .invalid, change: EntryFault.store(UInt64(1 << 53), 56)),
                EntryFault(name: "name of 79 bytes", code: .invalid, change: name),
                EntryFault(name: "name with a line", code: .invalid, change: EntryFault.store(UInt8(10), 67)),
                EntryFault(
                    name: "name that is no text", code: .invalid, change: EntryFault.store(UInt8(0xff), 67)),
            ]
            for (start, end) in [(nowMs + 60_000, nowMs + 59_999), (nowMs + 60_000, nowMs + 60_000)] {
                faults.append(
                    EntryFault(name: "a window that ends before it starts", code: .invalid) { bytes in
                        EntryFault.store(start, 32)(&bytes)
                        EntryFault.store(end, 40)(&bytes)
                    })
            }
            faults += EntryFault.ids(of: .zero, at: 0).filter { $0.name != "id zero" }.map { fault in
                var fault = fault
                // Partition 0 stands for the catalogue; the helper was given a user.
                let original = fault.change
                let shift = UInt16(Partition.of(user: .zero))
                fault.change = { bytes in
                    original(&bytes)
                    let partition = (UInt16(bytes[6]) << 8 | UInt16(bytes[7])) &- shift
                    bytes[6] = bytes[6] & 0xf0 | UInt8(partition >> 8) & 0x0f
                    bytes[7] = UInt8(partition & 0xff)
                }
                return fault
            }
            var next: UInt64 = 0
            try EntryFault.present(faults, .createSale, client, code: \SaleResult.code) {
                next += 1
                return CreateSaleEntry.open(next, stock: 5, operationId: mint.catalogueId())
            }
            #expect(try client.listSales().items.count == faults.count + 1)

            let known = try client.listSales(limit: 1).items[0].saleId
            let restocks = [
                EntryFault(name: "quantity 0", code: .invalid, change: EntryFault.store(UInt64(0), 24)),
                EntryFault(
                    name: "quantity 2^40", code: .invalid, change: EntryFault.store(UInt64(1 << 40), 24)),
                EntryFault(name: "quantity 2^64-1", code: .invalid, change: EntryFault.store(UInt64.max, 24)),
                EntryFault(
                    name: "an unknown sale", code: .notFound, change: EntryFault.store(UInt64(1 << 60), 16)),
            ]
            try EntryFault.present(restocks, .restockSale, client, code: \SaleResult.code) {
                RestockEntry(operationId: mint.catalogueId(), offerId: known, quantity: 1)
            }
            #expect(try client.getSale(known).stock == UInt64(5 + restocks.count + 1))
            stop(server)
        }

        @Test(arguments: Setup.all) func idsAndLists(_ setup: Setup) throws {
            var mint = IdMint(seed: 22)
            let server = try setup.start()
            var bystander = try Bystander(server)
            let client = try server.client(setup.transport)
            let notAnId = Id128(high: 5, low: 5)
            #expect(try client.confirm(notAnId).code == .invalidId)
            #expect(try client.cancel(notAnId).code == .invalidId)
            #expect(try client.getOrder(notAnId).code == .invalidId)
            #expect(try client.extend(notAnId, deadlineMs: wallClockMs()).code == .invalidId)
            let user = mint.user()
            #expect(try client.extend(mint.id(user: user), deadlineMs: UInt64.max).code == .invalid)
            let old = mint.id(user: user, timeMs: wallClockMs() - 8 * 86_400_000)
            #expect(try client.cancel(old).code == .idTooOld)
            #expect(try client.confirm(old).code == .notFound)
            #expect(
                try client.cancel(mint.id(user: user, timeMs: wallClockMs() + 600_000)).code == .idInFuture)

            let invalid = ClientFault.refused(.invalid, retryAfterMs: 0)
            #expect(throws: invalid) { try client.listSales(limit: 0) }
            #expect(throws: invalid) { try client.listSales(limit: 1001) }
            #expect(throws: invalid) { try client.listUserOrders(.zero) }
            #expect(throws: invalid) { try client.listUserOrders(user, limit: 0) }
            #expect(throws: invalid) { try client.listUserOrders(user, limit: 1001) }
            var list = ListOffersEntry.pack([ListOffersEntry(after: 0, limit: 1, stateMask: 0)])
            list[15] = 1
            #expect(try client.call(.listSales, list).header.status == .invalid)
            try bystander.expectUndisturbed()
            stop(server)
        }
    }
}

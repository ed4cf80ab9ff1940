import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// A fault of one entry is that entry's result; the others of its frame go ahead.
    @Suite(.serialized) struct BadEntries {
        /// A change of one field of an entry, and the code it gets.
        private struct Fault {
            var name: String
            var code: ResultCode
            var change: (inout [UInt8]) -> Void
        }

        private static func store<Word: FixedWidthInteger>(_ word: Word, _ offset: Int) -> (inout [UInt8]) ->
            Void
        {
            { bytes in
                for index in 0..<Word.bitWidth / 8 {
                    bytes[offset + index] = UInt8(truncatingIfNeeded: word >> (8 * index))
                }
            }
        }

        private static func storeId(_ id: Id128, _ offset: Int) -> (inout [UInt8]) -> Void {
            { bytes in
                for index in 0..<8 {
                    bytes[offset + index] = UInt8(truncatingIfNeeded: id.high >> (56 - 8 * index))
                    bytes[offset + 8 + index] = UInt8(truncatingIfNeeded: id.low >> (56 - 8 * index))
                }
            }
        }

        private static func ids(of user: Id128, at offset: Int, _ mint: inout IdMint) -> [Fault] {
            let partition = Partition.of(user: user)
            let nowMs = wallClockMs()
            func id(_ timeMs: UInt64, _ partition: Int) -> Id128 {
                .version7(timeMs: timeMs, partition: partition, random: 12345)
            }
            var version4 = id(nowMs, partition)
            version4.high = version4.high & ~0xf000 | 0x4000
            var otherVariant = id(nowMs, partition)
            otherVariant.low |= 1 << 62
            return [
                Fault(name: "id zero", code: .invalidId, change: storeId(.zero, offset)),
                Fault(name: "version 4", code: .invalidId, change: storeId(version4, offset)),
                Fault(name: "variant 11", code: .invalidId, change: storeId(otherVariant, offset)),
                Fault(
                    name: "another partition", code: .wrongPartition,
                    change: storeId(id(nowMs, (partition + 1) % 4096), offset)),
                Fault(
                    name: "the other half of the partitions", code: .wrongPartition,
                    change: storeId(id(nowMs, partition ^ 2048), offset)),
                Fault(
                    name: "minted in 10 minutes", code: .idInFuture,
                    change: storeId(id(nowMs + 600_000, partition), offset)),
                Fault(
                    name: "minted 8 days ago", code: .idTooOld,
                    change: storeId(id(nowMs - 8 * 86_400_000, partition), offset)),
            ]
        }

        /// Sends all faults in one frame, each between two right entries, and each in a frame of its own.
        private func present<Entry: WireStruct, Result: WireStruct>(
            _ faults: [Fault], _ operation: Protocol.Operation, _ client: TestClient,
            code: KeyPath<Result, ResultCode>, right: () -> Entry
        ) throws {
            var body: [UInt8] = []
            for fault in faults {
                var entry = Entry.pack([right()])
                fault.change(&entry)
                let alone: [Result] = try client.call(operation, entry).results()
                #expect(alone[0][keyPath: code] == fault.code, "\(operation), \(fault.name)")
                body += Entry.pack([right()]) + entry
            }
            let together: [Result] = try client.call(operation, body + Entry.pack([right()])).results()
            for (index, result) in together.enumerated() {
                let wanted = index % 2 == 1 ? faults[index / 2].code : .ok
                #expect(result[keyPath: code] == wanted, "\(operation), entry \(index)")
            }
        }

        @Test(arguments: Setup.all) func orders(_ setup: Setup) throws {
            var mint = IdMint(seed: 20)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let sale = CreateSaleEntry.open(1, stock: 1000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let user = mint.user()
            let faults =
                [
                    Fault(name: "quantity 0", code: .invalid, change: Self.store(UInt32(0), 40)),
                    Fault(
                        name: "quantity 1,000,001", code: .invalid, change: Self.store(UInt32(1_000_001), 40)),
                    Fault(name: "quantity 2^32-1", code: .invalid, change: Self.store(UInt32.max, 40)),
                    Fault(name: "reserved", code: .invalid, change: Self.store(UInt32(1), 44)),
                    Fault(name: "user 0", code: .invalid, change: Self.storeId(.zero, 16)),
                    Fault(name: "sale 0", code: .notFound, change: Self.store(UInt64(0), 32)),
                    Fault(name: "an unknown sale", code: .notFound, change: Self.store(UInt64(2), 32)),
                    Fault(name: "sale 2^64-1", code: .notFound, change: Self.store(UInt64.max, 32)),
                    Fault(name: "a million units", code: .soldOut, change: Self.store(UInt32(1_000_000), 40)),
                ] + Self.ids(of: user, at: 0, &mint)
            var right: UInt64 = 0
            try present(faults, .order, client, code: \OrderResult.code) {
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
            let name = Self.store(UInt16(79), 64)
            var faults = [
                Fault(name: "sale 0", code: .invalid, change: Self.store(UInt64(0), 16)),
                Fault(name: "stock 0", code: .invalid, change: Self.store(UInt64(0), 24)),
                Fault(name: "stock 2^40+1", code: .invalid, change: Self.store(UInt64(1 << 40 + 1), 24)),
                Fault(name: "ended", code: .invalid, change: Self.store(nowMs - 1000, 40)),
                Fault(name: "start 2^47", code: .invalid, change: Self.store(UInt64(1 << 47), 32)),
                Fault(name: "end 2^47", code: .invalid, change: Self.store(UInt64(1 << 47), 40)),
                Fault(name: "price 2^53", code: .invalid, change: Self.store(UInt64(1 << 53), 56)),
                Fault(name: "name of 79 bytes", code: .invalid, change: name),
                Fault(name: "name with a line", code: .invalid, change: Self.store(UInt8(10), 67)),
                Fault(name: "name that is no text", code: .invalid, change: Self.store(UInt8(0xff), 67)),
            ]
            for (start, end) in [(nowMs + 60_000, nowMs + 59_999), (nowMs + 60_000, nowMs + 60_000)] {
                faults.append(
                    Fault(name: "a window that ends before it starts", code: .invalid) { bytes in
                        Self.store(start, 32)(&bytes)
                        Self.store(end, 40)(&bytes)
                    })
            }
            faults += Self.ids(of: .zero, at: 0, &mint).filter { $0.name != "id zero" }.map { fault in
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
            try present(faults, .createSale, client, code: \SaleResult.code) {
                next += 1
                return CreateSaleEntry.open(next, stock: 5, operationId: mint.catalogueId())
            }
            #expect(try client.listSales().items.count == faults.count + 1)

            let known = try client.listSales(limit: 1).items[0].saleId
            let restocks = [
                Fault(name: "quantity 0", code: .invalid, change: Self.store(UInt64(0), 24)),
                Fault(name: "quantity 2^40", code: .invalid, change: Self.store(UInt64(1 << 40), 24)),
                Fault(name: "quantity 2^64-1", code: .invalid, change: Self.store(UInt64.max, 24)),
                Fault(name: "an unknown sale", code: .notFound, change: Self.store(UInt64(1 << 60), 16)),
            ]
            try present(restocks, .restockSale, client, code: \SaleResult.code) {
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

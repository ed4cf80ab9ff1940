import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// What bad input gets from the operations on points: its own code, no effect, and nothing taken from the entries
    /// beside it.
    @Suite(.serialized) struct BadPointEntries {
        private static func reasons(at offset: Int) -> [EntryFault] {
            [
                EntryFault(
                    name: "reason of 32 bytes", code: .invalid, change: EntryFault.store(UInt8(32), offset)),
                EntryFault(name: "a reason without its length", code: .invalid) { $0[offset + 1] = 0x61 },
                EntryFault(name: "reason with a line", code: .invalid) {
                    $0.replaceSubrange(offset..<offset + 2, with: [1, 10])
                },
                EntryFault(name: "reason that is no text", code: .invalid) {
                    $0.replaceSubrange(offset..<offset + 2, with: [1, 0xff])
                },
            ]
        }

        @Test(arguments: Setup.all) func earnings(_ setup: Setup) throws {
            var mint = IdMint(seed: 30)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let user = mint.user()
            let faults =
                [
                    EntryFault(
                        name: "amount 0", code: .invalidAmount, change: EntryFault.store(UInt32(0), 40)),
                    EntryFault(
                        name: "amount 10^9+1", code: .invalidAmount,
                        change: EntryFault.store(UInt32(1_000_000_001), 40)),
                    EntryFault(
                        name: "amount 2^32-1", code: .invalidAmount, change: EntryFault.store(UInt32.max, 40)),
                    EntryFault(
                        name: "expired a second ago", code: .expired,
                        change: EntryFault.store(wallClockMs() - 1000, 32)),
                    EntryFault(
                        name: "expired in 1970", code: .expired, change: EntryFault.store(UInt64(1), 32)),
                    EntryFault(name: "reserved", code: .invalid, change: EntryFault.store(UInt32(1), 44)),
                    EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 16)),
                ] + Self.reasons(at: 48) + EntryFault.ids(of: user, at: 0)
            try EntryFault.present(faults, .earnPoints, client, code: \PointResult.code) {
                EarnEntry(transactionId: mint.id(user: user), userId: user, expiresAtMs: 0, amount: 1)
            }
            let balance = try client.getBalance(user)
            #expect(balance.balance == UInt64(faults.count + 1) && balance.lots == faults.count + 1)
            #expect(try client.listTransactions(user).items.count == faults.count + 1)
            stop(server)
        }

        @Test(arguments: Setup.all) func uses(_ setup: Setup) throws {
            var mint = IdMint(seed: 31)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let user = mint.user()
            #expect(try client.earn(mint.id(user: user), user: user, 1000).code == .ok)
            let faults =
                [
                    EntryFault(
                        name: "amount 0", code: .invalidAmount, change: EntryFault.store(UInt32(0), 32)),
                    EntryFault(
                        name: "amount 2^32-1", code: .invalidAmount, change: EntryFault.store(UInt32.max, 32)),
                    EntryFault(
                        name: "more than there is", code: .insufficientPoints,
                        change: EntryFault.store(UInt32(1001), 32)),
                    EntryFault(
                        name: "a billion", code: .insufficientPoints,
                        change: EntryFault.store(UInt32(1_000_000_000), 32)),
                    EntryFault(name: "reserved", code: .invalid, change: EntryFault.store(UInt32(1), 36)),
                    EntryFault(name: "user 0", code: .invalid, change: EntryFault.storeId(.zero, 16)),
                ] + Self.reasons(at: 40) + EntryFault.ids(of: user, at: 0)
            try EntryFault.present(faults, .usePoints, client, code: \PointResult.code) {
                UsePointsEntry(transactionId: mint.id(user: user), userId: user, amount: 1)
            }
            #expect(try client.getBalance(user).balance == UInt64(1000 - faults.count - 1))
            stop(server)
        }

        @Test(arguments: Setup.all) func idsAndLists(_ setup: Setup) throws {
            var mint = IdMint(seed: 32)
            let server = try setup.start()
            var bystander = try Bystander(server)
            let client = try server.client(setup.transport)
            let user = mint.user()
            let notAnId = Id128(high: 5, low: 5)
            #expect(try client.cancelTransaction(notAnId).code == .invalidId)
            #expect(try client.getTransaction(notAnId).code == .invalidId)
            let old = mint.id(user: user, timeMs: wallClockMs() - 8 * 86_400_000)
            #expect(try client.cancelTransaction(old).code == .idTooOld)
            #expect(try client.getTransaction(old).code == .notFound)
            let early = mint.id(user: user, timeMs: wallClockMs() + 600_000)
            #expect(try client.cancelTransaction(early).code == .idInFuture)
            #expect(try client.getBalance(.zero).code == .invalid)
            let invalid = ClientFault.refused(.invalid, retryAfterMs: 0)
            #expect(throws: invalid) { try client.listTransactions(.zero) }
            #expect(throws: invalid) { try client.listTransactions(user, limit: 0) }
            #expect(throws: invalid) { try client.listTransactions(user, limit: 1001) }
            #expect(throws: ClientFault.refused(.notFound, retryAfterMs: 0)) {
                try client.listTransactions(user, after: mint.id(user: user))
            }

            // An id that stands for something of another kind is taken, and is nothing for these operations.
            let order = mint.id(user: user)
            #expect(try client.order(order, user: user, sale: Bystander.saleId).code == .ok)
            #expect(try client.earn(order, user: user, 1).code == .idReused)
            #expect(try client.use(order, user: user, 1).code == .idReused)
            #expect(try client.cancelTransaction(order).code == .notFound)
            #expect(try client.getTransaction(order).code == .notFound)
            #expect(try client.cancel(order).code == .ok)
            let earning = mint.id(user: user)
            #expect(try client.earn(earning, user: user, 1).code == .ok)
            #expect(try client.order(earning, user: user, sale: Bystander.saleId).code == .idReused)
            #expect(try client.cancel(earning).code == .notFound)
            #expect(try client.getBalance(user).balance == 1)
            try bystander.expectUndisturbed()
            stop(server)
        }
    }
}

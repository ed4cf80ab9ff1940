import Foundation
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// The state as it was, held against what servers say.
    @Suite(.serialized) struct StateTests {
        private func state(_ path: String, _ arguments: String...) throws -> [String: Any] {
            let result = try walReplay(["state", path, "--json"] + arguments)
            #expect(result.status == 0, "\(arguments): \(result.errors)")
            return try result.object
        }

        /// At each snapshot a server says sequence and digest: the tool has the same from that snapshot, and from
        /// the log alone, in a copy that was made before there was one; while the server goes on.
        @Test(arguments: [1, 2, 5]) func digestsAreThoseOfALiveServer(_ shards: Int) throws {
            let shop = try Shop(shards: shards)
            try shop.openAndSell()
            var earlier: [(sequence: UInt64, digest: UInt64, sold: UInt64)] = []
            for round in 0..<4 {
                try shop.sell(10 + round)
                let sold = try shop.client.getSale(Shop.sale).sold
                let copy = try copyData(shop.dataPath)
                let snapshot = try shop.snapshot()
                let found = try state(shop.dataPath, "--until", "\(snapshot.sequence)")
                #expect(found["digest"] as? String == hexadecimal(snapshot.digest))
                #expect(found["sequence"] as? UInt64 == snapshot.sequence)
                // Behind the copy came marks at most: no event.
                let replayed = try state(copy.path + "/data")
                #expect(replayed["digest"] as? String == hexadecimal(snapshot.digest))
                #expect(try #require(replayed["sequence"] as? UInt64) <= snapshot.sequence)
                // Without a sequence, of a server that does nothing: the same.
                #expect(try state(shop.dataPath)["digest"] as? String == hexadecimal(snapshot.digest))
                // Everything earlier, from the log as it is now.
                for before in earlier where before.sequence >= earlier[max(0, earlier.count - 1)].sequence {
                    let found = try state(shop.dataPath, "--until", "\(before.sequence)")
                    #expect(found["digest"] as? String == hexadecimal(before.digest))
                    let sales = try #require(found["sales"] as? [[String: Any]])
                    #expect(sales.first { $0["id"] as? String == "7" }?["sold"] as? UInt64 == before.sold)
                }
                earlier.append((snapshot.sequence, snapshot.digest, sold))
            }
            // Two snapshots are kept; what was before the older one is not known any more.
            let oldest = earlier[2].sequence
            let refused = try walReplay("state", shop.dataPath, "--until", "\(oldest - 1)")
            #expect(refused.status == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("goes back to sequence \(oldest), of 20"))
            #expect(refused.errors.contains("the earliest state that can be told"))
            let beforeTime = try walReplay("state", shop.dataPath, "--until", "2020-01-01T00:00:00Z")
            #expect(beforeTime.status == 1 && beforeTime.errors.contains("goes back to sequence \(oldest), of 20"))
            let tooLate = try walReplay("state", shop.dataPath, "--until", "\(earlier[3].sequence + 1000)")
            #expect(tooLate.status == 1 && tooLate.errors.contains("the log ends with sequence "))
        }

        /// While orders come in, every state that the tool tells is one that the server had.
        @Test func whileTheServerWrites() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            let seller = try Seller(shop)
            var last: UInt64 = 0
            for _ in 0..<4 {
                let snapshot = try shop.snapshot()
                let now = try state(shop.dataPath)
                let sequence = try #require(now["sequence"] as? UInt64)
                #expect(sequence >= snapshot.sequence && sequence > last)
                last = sequence
                let then = try state(shop.dataPath, "--until", "\(snapshot.sequence)")
                #expect(then["digest"] as? String == hexadecimal(snapshot.digest))
            }
            seller.end()
        }

        @Test func aStateOfATime() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            let before = try shop.client.getSale(Shop.heldSale)
            // The clock of the log is that of the server.
            let time = try shop.client.topology().nowMs
            _ = try eventually {
                try shop.client.topology().nowMs
            } until: {
                $0 > time + 1
            }
            #expect(try shop.client.cancel(shop.confirmed).code == .ok)
            try shop.sell(3)
            let then = try state(shop.dataPath, "--until", "\(time)")
            let now = try state(shop.dataPath)
            func sold(_ state: [String: Any]) -> UInt64? {
                (state["sales"] as? [[String: Any]])?.first { $0["id"] as? String == "8" }?["sold"] as? UInt64
            }
            #expect(sold(then) == before.sold && sold(now) == before.sold - 1)
            #expect(then["timeMs"] as? UInt64 == time)
            let nothing = try state(shop.dataPath, "--until", "2020-01-01T00:00:00Z")
            #expect(nothing["sequence"] as? Int == 0 && (nothing["sales"] as? [Any])?.isEmpty == true)
            #expect(nothing["digest"] as? String == hexadecimal(0))
        }

        @Test func aUserAndAnOrder() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            let client = shop.client
            let found = try state(shop.dataPath, "--user", "\(shop.user)", "--order", "\(shop.confirmed)")
            let user = try #require(found["user"] as? [String: Any])
            #expect(try user["balance"] as? UInt64 == client.getBalance(shop.user).balance)
            let orders = try #require(user["orders"] as? [[String: Any]])
            #expect(
                try orders.map { $0["order"] as? String }
                    == client.listUserOrders(shop.user).items.map { "\($0.orderId)" })
            #expect(orders.last?["state"] as? String == "confirmed" && orders.count == 3)
            let coupons = try #require(user["coupons"] as? [[String: Any]])
            #expect(coupons.map { $0["coupon"] as? String } == ["\(shop.coupon)"])
            #expect(coupons[0]["state"] as? String == "used" && coupons[0]["discount"] as? Int == 100)
            let transactions = try #require(user["transactions"] as? [[String: Any]])
            #expect(
                try transactions.map { $0["transaction"] as? String }
                    == client.listTransactions(shop.user).items.map { "\($0.transactionId)" })
            let history = try #require(found["history"] as? [String: Any])
            let events = try #require(history["events"] as? [[String: Any]])
            #expect(events.compactMap { $0["kind"] as? String } == ["orderPlaced", "orderConfirmed"])
            #expect(events.allSatisfy { $0["sequence"] is UInt64 && $0["timeMs"] is UInt64 })
            let then = try #require(history["then"] as? [[String: Any]])
            #expect(then.count == 1 && then[0]["state"] as? String == "confirmed")

            // Between its events it was held.
            let placed = try #require(events[0]["sequence"] as? UInt64)
            let earlier = try state(shop.dataPath, "--order", "\(shop.confirmed)", "--until", "\(placed)")
            let before = try #require((earlier["history"] as? [String: Any])?["then"] as? [[String: Any]])
            #expect(before.count == 1 && before[0]["state"] as? String == "held")

            let text = try walReplay(
                "state", shop.dataPath, "--user", "\(shop.user)", "--order", "\(shop.checkout)")
            #expect(text.output.contains("orders: 3, newest first"))
            #expect(text.output.contains("  order \(shop.confirmed)  sale=8 quantity=1 state=confirmed"))
            #expect(text.output.contains("checkoutConfirmed  checkout=\(shop.checkout)"))
            let nobody = try walReplay("state", shop.dataPath, "--order", "\(IdMint.random(shop.user))")
            #expect(nobody.status == 0 && nobody.output.contains("nothing happened to it"))
        }
    }
}

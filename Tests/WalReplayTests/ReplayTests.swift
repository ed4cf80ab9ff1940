import Foundation
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// A log sent to a fresh server makes the same content there, whatever the number of shards.
    @Suite(.serialized) struct ReplayTests {
        private func replay(_ shop: Shop, to server: ServerProcess, _ arguments: String...) throws -> ToolRun {
            try walReplay(["replay", shop.dataPath, "--to", "unix:\(server.unixPath)", "--json"] + arguments)
        }

        private func expectPerfect(_ result: ToolRun, accepted: Int? = nil) throws {
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            let object = try result.object
            #expect(object["ok"] as? Bool == true && object["refused"] as? Int == 0)
            #expect(object["contentOfLog"] as? String == object["contentOfServer"] as? String)
            if let accepted { #expect(object["accepted"] as? Int == accepted) }
        }

        @Test(arguments: [(1, 2), (2, 1), (2, 5)]) func theContentIsTheSame(_ from: Int, _ to: Int) throws {
            let shop = try Shop(shards: from)
            try shop.openAndSell()
            try shop.sell(40)
            try shop.sellOut()
            shop.close()
            let fresh = try Shop.start(in: TemporaryDirectory(), shards: to)
            try expectPerfect(try replay(shop, to: fresh, "--speed", "max"))
            let client = try fresh.client()
            #expect(try client.getSale(Shop.sale).sold == 42)
            #expect(
                try client.getOrder([shop.confirmed, shop.cancelled]).map(\.state)
                    == [OrderState.confirmed.rawValue, OrderState.cancelled.rawValue])
            #expect(try client.getBalance(shop.user).balance == 445)
            #expect(try client.getCoupon(shop.coupon).state == CouponState.used.rawValue)
            #expect(try client.getSale(Shop.scarceSale).available == 0)
            // Once more: all of it is there already.
            try expectPerfect(try replay(shop, to: fresh, "--speed", "max"))
        }

        /// The log begins with a snapshot: what its records say is made first.
        @Test func fromASnapshot() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            for _ in 0..<3 {
                try shop.sell(5)
                _ = try shop.snapshot()
            }
            #expect(try shop.client.cancel(shop.confirmed).code == .ok)
            shop.close()
            let dump = try walReplay("dump", shop.dataPath, "--json", "--order", "\(shop.checkout)").objects
            #expect(dump.contains { $0["kind"] as? String == "checkoutKept" })
            let fresh = try Shop.start(in: TemporaryDirectory(), shards: 3)
            try expectPerfect(try replay(shop, to: fresh, "--speed", "max"))
        }

        /// An event for each operation: as many are sent, at their times or as much faster.
        @Test func atARate() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            shop.close()
            let fresh = try Shop.start(in: TemporaryDirectory(), shards: 2)
            // 3 creations, 2 orders, confirm, cancel, earning, use, coupon, checkout, its confirm.
            try expectPerfect(try replay(shop, to: fresh, "--speed", "100"), accepted: 12)
        }

        /// Somebody else's order has taken a unit: each refusal is told, and each number that differs for it.
        @Test func refusalsAreTold() throws {
            let shop = try Shop(shards: 1)
            try shop.openAndSell()
            try shop.sellOut()
            shop.close()
            let fresh = try Shop.start(in: TemporaryDirectory(), shards: 1)
            let client = try fresh.client()
            let (user, taken) = (Id128(4711), IdMint.random(Id128(4711)))
            var mint = IdMint(seed: 99)
            #expect(
                try client.createSale(.open(Shop.scarceSale, stock: 5, operationId: mint.catalogueId())).code == .ok
            )
            #expect(try client.order(taken, user: user, sale: Shop.scarceSale).code == .ok)
            let result = try replay(shop, to: fresh, "--speed", "max")
            #expect(result.status == 1)
            let object = try result.object
            let refusals = try #require(object["refusals"] as? [[String: Any]])
            #expect(
                refusals.contains {
                    $0["operation"] as? String == "create sale \(Shop.scarceSale)"
                        && $0["reason"] as? String == "refused: ALREADY_EXISTS"
                })
            #expect(refusals.contains { ($0["reason"] as? String) == "refused: SOLD_OUT" })
            let differences = try #require(object["differences"] as? [[String: Any]])
            #expect(
                differences.contains { $0["log"] as? String == "there" && $0["server"] as? String == "not there" })
        }

        /// What the other server would take for too old is said before anything is sent, with what helps.
        @Test func oldIds() throws {
            let shop = try Shop(shards: 1)
            try shop.openAndSell()
            shop.close()
            let directory = TemporaryDirectory()
            let fresh = try ServerProcess(
                ["--shards", "1", "--retain", "1s"], in: directory, readyWithinMs: 120_000)
            let client = try fresh.client()
            let last = wallClockMs()
            _ = try eventually {
                try client.topology().nowMs
            } until: {
                $0 > last + 3000
            }
            let result = try replay(shop, to: fresh)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.contains("nothing was sent: ") && result.errors.contains("--retain 2d"))
            #expect(try client.listSales().items.isEmpty)
        }
    }
}

extension Shop {
    /// A sale whose last unit goes from hand to hand, so that the order between users matters.
    func sellOut() throws {
        var mint = IdMint(seed: 77)
        let sale = CreateSaleEntry.open(Self.scarceSale, stock: 5, operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok)
        for _ in 0..<4 { try place(mint.user(), Self.scarceSale) }
        for _ in 0..<10 {
            let order = try place(mint.user(), Self.scarceSale)
            #expect(try client.cancel(order).code == .ok)
        }
        try place(mint.user(), Self.scarceSale)
    }
}

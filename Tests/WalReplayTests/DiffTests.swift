import Foundation
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// A log held against the server that writes it, and against one that writes another.
    @Suite(.serialized) struct DiffTests {
        @Test func theOwnServer() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            try shop.sell(30)
            for address in ["unix:\(shop.server.unixPath)", "127.0.0.1:\(shop.server.port)"] {
                let result = try walReplay("diff", shop.dataPath, "--engine", address, "--json")
                #expect(result.status == 0, "\(result.output) \(result.errors)")
                let object = try result.object
                #expect(object["same"] as? Bool == true && object["offers"] as? Int == 3)
                // 30 buyers, the user and the other one.
                #expect(object["users"] as? Int == 32 && object["usersKnown"] as? Int == 32)
                // 3 offers, 34 orders, a coupon, 4 transactions, a balance each.
                #expect(object["items"] as? Int == 3 + 34 + 1 + 4 + 32)
            }
            let some = try walReplay(
                "diff", shop.dataPath, "--engine", "unix:\(shop.server.unixPath)", "--users", "5")
            #expect(some.status == 0 && some.output.contains("5 of 32 users") && some.lines.last == "ok")
        }

        /// While orders come in nothing differs that stands still.
        @Test func whileTheServerSells() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            let seller = try Seller(shop)
            let result = try walReplay("diff", shop.dataPath, "--engine", "unix:\(shop.server.unixPath)", "--json")
            seller.end()
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            #expect(try result.object["same"] as? Bool == true)
        }

        /// The log is of a moment ago: what has happened since is named, thing by thing and number by number.
        @Test func whatHasHappenedSince() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            let copy = try copyData(shop.dataPath)
            #expect(try shop.client.cancel(shop.confirmed).code == .ok)
            let order = try shop.place(shop.user, Shop.sale, quantity: 3)
            #expect(try shop.client.earn(IdMint.random(shop.user), user: shop.user, 7).code == .ok)
            let result = try walReplay(
                "diff", copy.path + "/data", "--engine", "unix:\(shop.server.unixPath)", "--json", "--users", "all")
            #expect(result.status == 1, "\(result.errors)")
            let found = try #require(try result.object["differences"] as? [[String: Any]])
            func difference(_ item: String, _ field: String?) -> [String]? {
                found.first { $0["item"] as? String == item && $0["field"] as? String == field }.map {
                    [$0["log"] as? String ?? "", $0["server"] as? String ?? ""]
                }
            }
            #expect(difference("order \(shop.confirmed)", "state") == ["confirmed", "cancelled"])
            #expect(difference("order \(order)", nil) == ["not there", "there"])
            #expect(difference("sale 7", "sold") == ["2", "5"])
            #expect(difference("sale 7", "available") == ["99998", "99995"])
            #expect(difference("sale 8", "sold") == ["2", "1"])
            #expect(difference("balance \(shop.user)", "points") == ["445", "452"])
            let text = try walReplay("diff", copy.path + "/data", "--engine", "unix:\(shop.server.unixPath)")
            #expect(text.status == 1 && text.output.contains("DIFFERS    sale 7: sold  log: 2, server: 5"))
            #expect(text.lines.last == "\(found.count) differ")
        }

        @Test func noServer() throws {
            let shop = try Shop(shards: 1)
            let path = shop.server.unixPath
            shop.close()
            let result = try walReplay("diff", shop.dataPath, "--engine", "unix:\(path)", "--timeout", "1")
            #expect(result.status == 1 && result.output.isEmpty && result.errors.contains("unix:\(path): "))
        }
    }
}

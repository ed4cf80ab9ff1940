import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the commands on checkouts, for people and for scripts.
    @Suite struct CheckoutCommandTests {
        /// Sale 1 holds, sale 2 does not; user 42 has the coupon that is returned, of ten per cent, and 500 points.
        private func stock(_ server: TimesaleServer, holdMs: UInt32 = 600_000) async throws -> String {
            let client = try await server.client()
            try await client.createSale(
                NewSale(id: 1, name: "lamps", stock: 10, holdMs: holdMs, unitPrice: 12_000))
            try await client.createSale(NewSale(id: 2, name: "bulbs", stock: 5, unitPrice: 250))
            try await client.createPolicy(NewPolicy(id: 1, name: "off", quantity: 9, discount: .percent(10)))
            try await client.earnPoints(500, user: 42)
            let coupon = try await client.issueCoupon(policy: 1, user: 42).id
            await client.shutdown()
            return "\(coupon)"
        }

        @Test(arguments: [1, 2]) func checkoutsForPeople(_ shards: Int) async throws {
            try await withTimesaleServer(["--shards", "\(shards)"]) { server in
                let at = server.tcpAddress
                let coupon = try await stock(server)
                let placed = try await timesale(
                    "checkout", "place", "1:2", "2", "--user", "42", "--coupon", coupon, "--use-points", "120",
                    "--earn-points", "218", "--earn-expires-at", "2100-01-01T00:00:00Z", at: at)
                #expect(placed.exitCode == 0 && placed.errors.isEmpty, "\(placed)")
                let id = try #require(placed.field("checkout").flatMap { CheckoutID($0) })
                #expect(placed.field("user") == "42" && placed.field("state") == "held")
                #expect(placed.field("subtotal") == "24,250")
                #expect(placed.field("discount") == "2,425, by coupon \(coupon)")
                #expect(placed.field("points used") == "120" && placed.field("to pay") == "21,705")
                #expect(
                    placed.field("points earned") == "218 when it is confirmed, until 2100-01-01T00:00:00.000Z")
                #expect(placed.field("expires at") != nil && placed.field("confirmed") == nil)
                #expect(placed.output.contains("ORDER                                 SALE  QUANTITY\n"))
                #expect(placed.lines.contains("\(id.order(0))  1            2"))
                #expect(placed.lines.contains("\(id.order(1))  2            1"))
                #expect(placed.output.contains("Paid? \(executable("timesale")) checkout confirm \(id)\n"))

                let order = try await timesale("get", "\(id.order(0))", at: at)
                #expect(order.field("part of") == "a checkout, and ends only with it")
                let alone = try await timesale("cancel", "\(id.order(0))", at: at)
                #expect(alone.exitCode == 1 && alone.errors.contains("ends only with its checkout (PART_OF_CHECKOUT)"))
                let points = try await timesale("point", "get", "\(id.pointsUse)", at: at)
                #expect(points.field("part of") == "a checkout, and is cancelled only with it")
                #expect(try await timesale("checkout", "get", "\(id)", at: at).field("to pay") == "21,705")

                let confirmed = try await timesale("checkout", "confirm", "\(id)", at: at)
                #expect(confirmed.field("state") == "confirmed" && confirmed.field("expires at") == nil)
                #expect(confirmed.field("points earned") == "218, until 2100-01-01T00:00:00.000Z")
                #expect(try await timesale("point", "balance", "--user", "42", at: at).field("balance") == "598")
                let cancelled = try await timesale("checkout", "cancel", "\(id)", at: at)
                #expect(cancelled.field("state") == "cancelled")
                #expect(cancelled.field("points earned") == "none; it would have been 218")
                #expect(try await timesale("point", "balance", "--user", "42", at: at).field("balance") == "500")

                // Nothing that is not there is shown.
                let bare = try await timesale("checkout", "place", "2", "--user", "7", at: at)
                #expect(bare.field("state") == "confirmed" && bare.field("to pay") == "250")
                for name in ["discount", "points used", "points earned", "expires at"] {
                    #expect(bare.field(name) == nil, "\(name)")
                }
                #expect(!bare.output.contains("Paid?"))
            }
        }

        @Test func checkoutsForScripts() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let coupon = try await stock(server)
                let place = [
                    "checkout", "place", "2:1", "1:1", "2:2", "--user", "42", "--coupon", coupon, "--use-points",
                    "75", "--earn-points", "7", "--earn-expires-at", "2100-01-01T00:00:00Z", "--key", "basket-7",
                    "--json",
                ]
                let placed = try await timesale(place, at: at).json
                let id = CheckoutID(idempotencyKey: "basket-7", for: 42, scope: "/v1/checkouts")
                #expect(placed["checkoutId"] as? String == "\(id)" && placed["userId"] as? String == "42")
                #expect(placed["state"] as? String == "held" && placed["couponId"] as? String == coupon)
                #expect(placed["subtotal"] as? Int == 12_750 && placed["discount"] as? Int == 1_275)
                #expect(placed["pointsUsed"] as? Int == 75 && placed["pointsEarned"] as? Int == 7)
                #expect(placed["toPay"] as? Int == 11_400 && placed["lateConfirm"] as? Bool == false)
                #expect(placed["createdAt"] is String && placed["expiresAt"] is String)
                #expect(placed["earnExpiresAt"] as? String == "2100-01-01T00:00:00.000Z")
                #expect(placed["repeat"] as? Bool == false)
                let orders = try #require(placed["orders"] as? [[String: Any]])
                #expect(orders.compactMap { $0["orderId"] as? String } == ["\(id.order(0))", "\(id.order(1))"])
                #expect(orders.compactMap { $0["timeSaleId"] as? String } == ["2", "1"])
                #expect(orders.compactMap { $0["quantity"] as? Int } == [3, 1])
                #expect(try await timesale(place, at: at).json["repeat"] as? Bool == true)
                let text = try await timesale(place.dropLast(), at: at)
                #expect(text.output.contains("It had been placed before; nothing was done.\n"))

                let order = try await timesale("get", "\(id.order(0))", "--json", at: at).json
                #expect(order["partOfCheckout"] as? Bool == true)
                let points = try await timesale("point", "get", "\(id.pointsUse)", "--json", at: at).json
                #expect(points["partOfCheckout"] as? Bool == true)
                let shown = try await timesale("checkout", "get", "\(id)", "--json", at: at).json
                #expect(shown["toPay"] as? Int == 11_400 && shown["repeat"] == nil)

                // Each of several is told for itself, and the exit code is that of the first that failed.
                let unknown = CheckoutID.mint(for: 42)
                let ids = ["\(id)", "\(unknown)"]
                let confirm = try await timesale(["checkout", "confirm"] + ids + ["--json"], at: at)
                try #require(confirm.exitCode == 1 && confirm.objects.count == 2)
                #expect(confirm.objects[0]["state"] as? String == "confirmed")
                #expect(confirm.objects[0]["expiresAt"] == nil && confirm.objects[1]["code"] as? String == "NOT_FOUND")
                #expect(confirm.objects[1]["checkoutId"] as? String == "\(unknown)")
                let cancel = try await timesale(["checkout", "cancel"] + ids + ["--json"], at: at)
                try #require(cancel.exitCode == 0 && cancel.objects.count == 2)
                #expect(cancel.objects[0]["state"] as? String == "cancelled")
                #expect(cancel.objects[1]["beforeCheckout"] as? Bool == true)
                let table = try await timesale(["checkout", "cancel"] + ids, at: at)
                try #require(table.lines.count == 3)
                #expect(table.lines[1].hasPrefix("\(id)  42         2  11,400  cancelled"))
                #expect(table.lines[2].contains("cancelled before it was placed"))
            }
        }

        @Test func refusalsNameTheirPart() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let coupon = try await stock(server)
                func place(_ words: String...) -> [String] { ["checkout", "place"] + words + ["--user", "42"] }
                let unknown = "\(CheckoutID.mint(for: 42))"
                let cases: [([String], String, String?, String)] = [
                    (place("1", "9"), "NOT_FOUND", "lines[1]", "timesale: sale 9: there is no such sale "),
                    (place("1", "2:6"), "SOLD_OUT", "lines[1]", "timesale: sale 2: fewer units are left "),
                    (
                        place("1", "--coupon", unknown), "NOT_FOUND", "couponId",
                        "timesale: there is no such coupon "
                    ),
                    (
                        place("1", "--use-points", "501"), "INSUFFICIENT_POINTS", "usePoints",
                        "timesale: the user has fewer points than that "
                    ),
                    (
                        place("2", "--use-points", "251"), "INVALID", "usePoints",
                        "timesale: these are more points than there is to pay "
                    ),
                    (
                        place("1", "--earn-points", "1", "--earn-expires-at", "2001-01-01T00:00:00Z"), "EXPIRED",
                        "earnPoints", "timesale: the points to earn would have expired already "
                    ),
                    (
                        place("1", "--coupon", coupon, "--id", "\(CheckoutID.mint(for: 43))"), "WRONG_PARTITION",
                        nil, "timesale: the id was made for another user "
                    ),
                    (["checkout", "get", unknown], "NOT_FOUND", nil, "timesale: there is no such checkout "),
                    (["checkout", "confirm", unknown], "NOT_FOUND", nil, "timesale: there is no such checkout "),
                ]
                for (command, code, part, words) in cases {
                    let text = try await timesale(command, at: at)
                    #expect(text.exitCode == 1 && text.output.isEmpty, "\(command): \(text)")
                    #expect(text.errors.hasPrefix(words) && text.errors.contains("(\(code))"), "\(text.errors)")
                    let json = try await timesale(command + ["--json"], at: at)
                    #expect(try json.exitCode == 1 && json.json["code"] as? String == code, "\(command)")
                    #expect(try json.json["failedAt"] as? String == part, "\(command)")
                    #expect(try json.errors.isEmpty && json.json["retryable"] as? Bool == false)
                }
            }
        }

        /// The payment came too late: all of it is taken again, or the sentence says what is gone.
        @Test func lateConfirms() async throws {
            try await withTimesaleServer(["--grace", "0s"]) { server in
                let at = server.tcpAddress
                let coupon = try await stock(server, holdMs: 200)
                let run = try await timesale(
                    "checkout", "place", "2:3", "1", "--user", "42", "--coupon", coupon, "--json", at: at)
                let id = try #require(try CheckoutID(run.json["checkoutId"] as? String ?? ""))
                let get = ["checkout", "get", "\(id)"]
                #expect(try await eventually { try await timesale(get, at: at).field("state") == "expired" })
                try await timesale("order", "2", "--user", "1", "--quantity", "5", "--key", "rival", at: at)
                let confirm = ["checkout", "confirm", "\(id)"]
                let refused = try await timesale(confirm, at: at)
                #expect(refused.exitCode == 1)
                let gone = "the units of its order \(id.order(0)) cannot be had again (EXPIRED)"
                #expect(refused.errors.hasPrefix("timesale: the hold has expired, and \(gone)"), "\(refused)")
                let json = try await timesale(confirm + ["--json"], at: at).json
                #expect(json["code"] as? String == "EXPIRED" && json["failedAt"] as? String == "orders[0]")
                #expect(json["checkoutId"] as? String == "\(id)")
                let rival = OrderID(idempotencyKey: "rival", for: 1, scope: "/v1/timesales/2/orders")
                try await timesale("cancel", "\(rival)", at: at)
                let use = ["coupon", "use", coupon, "--user", "42"]
                try await timesale(use, at: at)
                let used = try await timesale(confirm, at: at)
                #expect(used.errors.contains("and its coupon cannot be used any more (EXPIRED)"), "\(used)")
                try await timesale(["coupon", "restore", coupon, "--user", "42"], at: at)
                let late = try await timesale(confirm, at: at)
                #expect(late.exitCode == 0 && late.field("state") == "confirmed")
                #expect(late.field("confirmed") == "late: after it had expired")
            }
        }

        @Test func aRefundThatIsSpent() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                _ = try await stock(server)
                let place = ["checkout", "place", "2", "--user", "7", "--earn-points", "5"]
                let id = try #require(try await timesale(place, at: at).field("checkout"))
                try await timesale("point", "use", "1", "--user", "7", at: at)
                let refused = try await timesale("checkout", "cancel", id, at: at)
                #expect(refused.exitCode == 1)
                #expect(refused.errors.contains("some of the points that it earned are spent"), "\(refused)")
                let json = try await timesale("checkout", "cancel", id, "--json", at: at).json
                #expect(json["code"] as? String == "ALREADY_SPENT" && json["failedAt"] as? String == "earnPoints")
            }
        }
    }
}

import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the commands on coupons and their policies, for people and for scripts.
    @Suite struct CouponCommandTests {
        @Test func couponsForPeople() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let policy = try await timesale(
                    "coupon", "policy", "create", "--name", "Ten off", "--quantity", "2", "--percent", "10",
                    "--max-discount", "3000", "--min-purchase", "500", "--id", "7", at: at)
                #expect(
                    policy.exitCode == 0 && policy.field("policy") == "7" && policy.field("state") == "open")
                #expect(policy.field("discount") == "10 %, at most 3,000, from 500 on")
                #expect(policy.field("per user") == "1" && policy.field("remaining") == "2")
                #expect(policy.output.contains("timesale coupon issue 7 --user 42"))

                let issued = try await timesale("coupon", "issue", "7", "--user", "42", at: at)
                let id = try #require(issued.field("coupon"))
                #expect(issued.field("state") == "issued" && issued.field("expires at") == "never")
                #expect(issued.output.contains("timesale coupon use \(id) --user 42 --amount 12000"))
                let used = try await timesale(
                    "coupon", "use", id, "--user", "42", "--amount", "12000", at: at)
                #expect(used.field("state") == "used" && used.field("discount") == "1,200")
                #expect(used.field("purchase") == "12,000")
                #expect(used.output.contains("timesale coupon restore \(id) --user 42"))
                #expect(try await timesale("coupon", "get", id, at: at).field("discount") == "1,200")
                let restored = try await timesale("coupon", "restore", id, "--user", "42", at: at)
                #expect(restored.field("state") == "issued" && restored.field("discount") == nil)

                let list = try await timesale("coupon", "list", "--user", "42", at: at)
                #expect(list.lines.count == 2 && list.lines[1].hasPrefix("\(id)  7       issued  "))
                let none = try await timesale("coupon", "list", "--user", "42", "--state", "used", at: at)
                #expect(none.exitCode == 0 && none.output == "No such coupons of user 42.\n")
                let twice = try await timesale("coupon", "issue", "7", "--user", "42", at: at)
                #expect(twice.exitCode == 1 && twice.errors.contains("gives a user no more (ALREADY_ISSUED)"))

                #expect(
                    try await timesale("coupon", "policy", "restock", "7", "3", at: at).field("quantity")
                        == "5")
                let policies = try await timesale("coupon", "policy", "list", "--state", "open", at: at)
                try #require(policies.lines.count == 2)
                #expect(policies.lines[1].hasPrefix("7       Ten off  open"))
                #expect(
                    try await timesale("coupon", "policy", "close", "7", at: at).field("state") == "closed")
                let closed = try await timesale("coupon", "issue", "7", "--user", "43", at: at)
                #expect(closed.exitCode == 1 && closed.errors.contains("the policy is closed (CLOSED)"))
                #expect(try await timesale("coupon", "policy", "get", "7", at: at).field("issued") == "1")
            }
        }

        @Test func couponsForScripts() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let create = [
                    "coupon", "policy", "create", "--name", "off", "--quantity", "10", "--fixed", "500",
                    "--valid-until",
                    "2100-01-01T00:00:00.000Z", "--per-user-limit", "0", "--key", "spring", "--json",
                ]
                let policy = try await timesale(create, at: at).json
                let number = try #require(policy["id"] as? String)
                #expect(
                    policy["discountType"] as? String == "fixed" && policy["discountValue"] as? Int == 500)
                #expect(policy["maxDiscount"] as? Int == 0 && policy["minPurchase"] as? Int == 0)
                #expect(policy["quantity"] as? Int == 10 && policy["remaining"] as? Int == 10)
                #expect(policy["issued"] as? Int == 0 && policy["used"] as? Int == 0)
                #expect(policy["perUserLimit"] as? Int == 0 && policy["validFrom"] is NSNull)
                #expect(policy["validUntil"] as? String == "2100-01-01T00:00:00.000Z")
                #expect(policy["operationId"] is String && policy["repeat"] as? Bool == false)
                #expect(try await timesale(create, at: at).json["repeat"] as? Bool == true)
                let restock = ["coupon", "policy", "restock", number, "5", "--key", "more", "--json"]
                for _ in 1...2 { #expect(try await timesale(restock, at: at).json["quantity"] as? Int == 15) }

                let issue = ["coupon", "issue", number, "--user", "42", "--key", "banner", "--json"]
                let issued = try await timesale(issue, at: at).json
                let wanted = CouponID(
                    idempotencyKey: "banner", for: 42, scope: "/v1/coupon-policies/\(number)/coupons")
                let id = try #require(issued["couponId"] as? String)
                #expect(id == "\(wanted)" && issued["policyId"] as? String == number)
                #expect(issued["userId"] as? String == "42" && issued["state"] as? String == "issued")
                #expect(
                    issued["issuedAt"] is String
                        && issued["expiresAt"] as? String == "2100-01-01T00:00:00.000Z")
                #expect(try await timesale(issue, at: at).json["repeat"] as? Bool == true)

                let order = "\(OrderID.mint(for: 42))"
                let use = [
                    "coupon", "use", id, "--user", "42", "--amount", "300", "--order", order, "--key",
                    "basket-7",
                    "--json",
                ]
                let used = try await timesale(use, at: at).json
                #expect(used["discount"] as? Int == 300 && used["purchaseAmount"] as? Int == 300)
                #expect(used["orderId"] as? String == order && used["usedAt"] is String)
                #expect(used["state"] as? String == "used" && used["operationId"] is String)
                #expect(try await timesale(use, at: at).json["repeat"] as? Bool == true)
                let restored = try await timesale("coupon", "restore", id, "--user", "42", "--json", at: at)
                    .json
                #expect(restored["state"] as? String == "issued" && restored["usedAt"] == nil)
                let page = try await timesale("coupon", "list", "--user", "42", "--json", at: at)
                #expect(page.items.compactMap { $0["couponId"] as? String } == [id])
                let policies = try await timesale("coupon", "policy", "list", "--json", at: at)
                #expect(policies.items.compactMap { $0["issued"] as? Int } == [1])
                #expect(policies.items.compactMap { $0["used"] as? Int } == [0])
            }
        }

        @Test func refusals() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createPolicy(
                    NewPolicy(id: 1, name: "one", quantity: 1, discount: .percent(10), minPurchase: 100))
                let coupon = try await client.issueCoupon(policy: 1, user: 1).id
                await client.shutdown()
                let unknown = "\(CouponID.mint(for: 1))"
                let cases: [([String], String)] = [
                    (["coupon", "policy", "get", "99"], "NOT_FOUND"),
                    (["coupon", "policy", "restock", "99", "1"], "NOT_FOUND"),
                    (["coupon", "policy", "close", "99"], "NOT_FOUND"),
                    (
                        [
                            "coupon", "policy", "create", "--name", "x", "--quantity", "1", "--fixed", "1",
                            "--id", "1",
                        ],
                        "ALREADY_EXISTS"
                    ),
                    (["coupon", "issue", "99", "--user", "1"], "NOT_FOUND"),
                    (["coupon", "issue", "1", "--user", "1"], "ALREADY_ISSUED"),
                    (["coupon", "issue", "1", "--user", "2"], "EXHAUSTED"),
                    (["coupon", "get", unknown], "NOT_FOUND"),
                    (["coupon", "use", unknown, "--user", "1"], "NOT_FOUND"),
                    (["coupon", "use", "\(coupon)", "--user", "2"], "NOT_OWNER"),
                    (["coupon", "use", "\(coupon)", "--user", "1", "--amount", "99"], "MIN_PURCHASE"),
                    (["coupon", "restore", "\(coupon)", "--user", "1"], "NOT_USED"),
                    (["point", "use", "1", "--user", "3"], "INSUFFICIENT_POINTS"),
                    (["point", "get", unknown], "NOT_FOUND"),
                ]
                for (command, code) in cases {
                    let text = try await timesale(command, at: at)
                    #expect(text.exitCode == 1 && text.errors.contains("(\(code))"), "\(command): \(text)")
                    let json = try await timesale(command + ["--json"], at: at)
                    #expect(try json.exitCode == 1 && json.json["code"] as? String == code, "\(command)")
                    #expect(try json.errors.isEmpty && json.json["retryable"] as? Bool == false)
                }
            }
        }
    }
}

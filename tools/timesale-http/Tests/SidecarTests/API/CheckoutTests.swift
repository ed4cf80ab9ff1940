import Testing

/// Checkouts over HTTP: all or nothing, and what stands in the way is named.
@Suite struct CheckoutTests {
    @Test func aCheckoutGoesItsWay() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 5, #""unitPrice":1000,"holdSeconds":600"#)
            try api.sale(2, stock: 5, #""unitPrice":500"#)
            _ = try api.post(
                "/v1/coupon-policies",
                #"{"id":7,"name":"P","quantity":9,"discountType":"fixed","discountValue":300}"#)
            let coupon = try #require(api.post("/v1/coupon-policies/7/coupons", #"{"userId":42}"#)["couponId"])
            _ = try api.post("/v1/users/42/points/earn", #"{"amount":100}"#)
            let body = """
                {"userId":42,"lines":[{"timeSaleId":1,"quantity":2},{"timeSaleId":"2"}],"couponId":"\(coupon)",
                 "usePoints":50,"earnPoints":20}
                """
            let made = try api.post("/v1/checkouts", body, key: "k")
            #expect(made.status == 201)
            let id = try #require(made["checkoutId"])
            #expect(made.headers["location"] == "/v1/checkouts/\(id)")
            #expect(made["subtotal"] == "2500")
            #expect(made["discount"] == "300")
            #expect(made["toPay"] == "2150")
            #expect(made["state"] == "held")
            #expect(made["expiresAt"] != nil)
            #expect(try api.post("/v1/checkouts", body, key: "k").headers["idempotency-replayed"] == "true")
            #expect(try api.get("/v1/checkouts/\(id)").text == made.text)

            let orders = try #require(made.json["orders"] as? [[String: Any]])
            let order = try #require(orders[0]["orderId"] as? String)
            #expect(try api.get("/v1/orders/\(order)")["partOfCheckout"] == "true")
            #expect(try api.post("/v1/orders/\(order)/confirm").code == "PART_OF_CHECKOUT")
            #expect(try api.post("/v1/orders/\(order)/cancel").code == "PART_OF_CHECKOUT")
            #expect(try api.post("/v1/coupons/\(coupon)/restore", #"{"userId":42}"#).code == "PART_OF_CHECKOUT")

            #expect(try api.post("/v1/checkouts/\(id)/confirm")["state"] == "confirmed")
            #expect(try api.post("/v1/checkouts/\(id)/confirm")["state"] == "confirmed")
            #expect(try api.get("/v1/users/42/points")["balance"] == "70")
            let spent = try #require(api.post("/v1/users/42/points/use", #"{"amount":70}"#)["transactionId"])
            let refused = try api.post("/v1/checkouts/\(id)/cancel")
            #expect(refused.code == "ALREADY_SPENT")
            #expect(refused["failedAt"] == "earnPoints")
            _ = try api.post("/v1/point-transactions/\(spent)/cancel", #"{"userId":42}"#)
            #expect(try api.post("/v1/checkouts/\(id)/cancel")["state"] == "cancelled")
            #expect(try api.post("/v1/checkouts/\(id)/confirm").code == "CANCELLED")
            #expect(try api.get("/v1/users/42/points")["balance"] == "100")
        }
    }

    @Test func whatStandsInTheWayIsNamed() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 5)
            try api.sale(2, stock: 1)
            let soldOut = try api.post(
                "/v1/checkouts", #"{"userId":1,"lines":[{"timeSaleId":1},{"timeSaleId":2,"quantity":2}]}"#)
            #expect(soldOut.code == "SOLD_OUT")
            #expect(soldOut["failedAt"] == "lines[1]")
            #expect(try api.get("/v1/timesales/1")["available"] == "5")
            let missing = try api.post("/v1/checkouts", #"{"userId":1,"lines":[{"timeSaleId":9}]}"#)
            #expect(missing.status == 404)
            #expect(missing["failedAt"] == "lines[0]")
            try api.sale(3, stock: 5, #""unitPrice":10"#)
            let poor = try api.post("/v1/checkouts", #"{"userId":1,"lines":[{"timeSaleId":3}],"usePoints":5}"#)
            #expect(poor.code == "INSUFFICIENT_POINTS")
            #expect(poor["failedAt"] == "usePoints")
            #expect(try api.post("/v1/checkouts", #"{"userId":1,"lines":[]}"#).code == "INVALID")
            let nobody = "/v1/checkouts/9ec30694-4a46-8457-92a6-876f5cb9ea4e"
            #expect(try api.get(nobody).code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/confirm").code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/cancel").code == "NOT_FOUND")
        }
    }

    @Test func anExpiredCheckoutWhoseUnitsAreGoneStaysExpired() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 1, #""holdSeconds":0.05"#)
            let id = try #require(
                api.post("/v1/checkouts", #"{"userId":1,"lines":[{"timeSaleId":1}]}"#)["checkoutId"])
            var state = ""
            while state != "expired" { state = try #require(api.get("/v1/checkouts/\(id)")["state"]) }
            var other = try api.post("/v1/timesales/1/orders", #"{"userId":2}"#)
            while other.status != 201 { other = try api.post("/v1/timesales/1/orders", #"{"userId":2}"#) }
            #expect(try api.post("/v1/orders/\(#require(other["orderId"]))/confirm").status == 200)
            let late = try api.post("/v1/checkouts/\(id)/confirm")
            #expect(late.code == "EXPIRED")
            #expect(late["failedAt"] == "orders[0]")
        }
    }
}

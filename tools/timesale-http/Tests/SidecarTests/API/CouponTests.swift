import Testing

/// Policies and coupons over HTTP.
@Suite struct CouponTests {
    @Test func aCouponGoesItsWay() async throws {
        try await withAPI { api in
            let policy = try api.post(
                "/v1/coupon-policies",
                #"{"id":7,"name":"Ten","quantity":2,"discountType":"percent","discountValue":10,"maxDiscount":3000}"#
            )
            #expect(policy.status == 201)
            #expect(policy.headers["location"] == "/v1/coupon-policies/7")
            #expect(policy["perUserLimit"] == "1")
            #expect(
                try api.post(
                    "/v1/coupon-policies",
                    #"{"id":7,"name":"x","quantity":1,"discountType":"fixed","discountValue":1}"#
                ).code == "ALREADY_EXISTS")
            let issued = try api.post("/v1/coupon-policies/7/coupons", #"{"userId":42}"#, key: "i")
            #expect(issued.status == 201)
            let id = try #require(issued["couponId"])
            #expect(issued.headers["location"] == "/v1/coupons/\(id)")
            #expect(issued["state"] == "issued")
            let again = try api.post("/v1/coupon-policies/7/coupons", #"{"userId":42}"#, key: "i")
            #expect(again["couponId"] == id)
            #expect(try api.post("/v1/coupon-policies/7/coupons", #"{"userId":42}"#).code == "ALREADY_ISSUED")
            #expect(try api.post("/v1/coupon-policies/7/coupons", #"{"userId":43}"#).status == 201)
            #expect(try api.post("/v1/coupon-policies/7/coupons", #"{"userId":44}"#).code == "EXHAUSTED")
            #expect(try api.post("/v1/coupon-policies/7/restock", #"{"quantity":5}"#)["remaining"] == "5")

            #expect(try api.post("/v1/coupons/\(id)/restore", #"{"userId":42}"#).code == "NOT_USED")
            #expect(
                try api.post("/v1/coupons/\(id)/use", #"{"userId":43,"purchaseAmount":100}"#).code == "NOT_OWNER")
            let order = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
            let use = #"{"userId":42,"purchaseAmount":12000,"orderId":"\#(order)"}"#
            let used = try api.post("/v1/coupons/\(id)/use", use, key: "u")
            #expect(used["discount"] == "1200")
            #expect(used["orderId"] == order)
            #expect(try api.post("/v1/coupons/\(id)/use", use, key: "u").headers["idempotency-replayed"] == "true")
            #expect(try api.post("/v1/coupons/\(id)/use", use).code == "ALREADY_USED")
            #expect(try api.get("/v1/coupons/\(id)")["state"] == "used")
            #expect(try api.get("/v1/users/42/coupons?state=used").items.count == 1)
            #expect(try api.get("/v1/users/42/coupons?state=issued,expired").items.isEmpty)
            #expect(try api.get("/v1/coupon-policies/7")["used"] == "1")
            let restored = try api.post("/v1/coupons/\(id)/restore", #"{"userId":42}"#)
            #expect(restored["state"] == "issued")
            #expect(restored["usedAt"] == "null")
        }
    }

    @Test func refusalsSayWhy() async throws {
        try await withAPI { api in
            func policy(_ id: Int, _ more: String) throws {
                let answer = try api.post(
                    "/v1/coupon-policies",
                    #"{"id":\#(id),"name":"P","quantity":9,"discountType":"fixed","discountValue":100,\#(more)}"#)
                #expect(answer.status == 201, "\(answer.text)")
            }
            try policy(1, #""validFrom":"2999-01-01T00:00:00Z""#)
            #expect(try api.post("/v1/coupon-policies/1/coupons", #"{"userId":1}"#).code == "NOT_STARTED")
            try policy(2, #""minPurchase":1000"#)
            let id = try #require(api.post("/v1/coupon-policies/2/coupons", #"{"userId":1}"#)["couponId"])
            #expect(
                try api.post("/v1/coupons/\(id)/use", #"{"userId":1,"purchaseAmount":999}"#).code == "MIN_PURCHASE")
            #expect(try api.post("/v1/coupon-policies/2/close")["state"] == "closed")
            #expect(try api.post("/v1/coupon-policies/2/coupons", #"{"userId":2}"#).code == "CLOSED")
            #expect(try api.post("/v1/coupon-policies/2/restock", #"{"quantity":1}"#).code == "CLOSED")
            try policy(3, #""validUntil":"\#(ISOTime.text(inMs: 3000))""#)
            let short = try #require(api.post("/v1/coupon-policies/3/coupons", #"{"userId":1}"#)["couponId"])
            _ = try api.until { $0.code == "ENDED" || $0.code == "EXHAUSTED" } ask: {
                try api.post("/v1/coupon-policies/3/coupons", #"{"userId":\#(Int.random(in: 10...1_000_000))}"#)
            }
            _ = try api.until { $0.code == "EXPIRED" } ask: {
                let use = try api.post("/v1/coupons/\(short)/use", #"{"userId":1,"purchaseAmount":5}"#)
                if use.status == 200 { _ = try api.post("/v1/coupons/\(short)/restore", #"{"userId":1}"#) }
                return use
            }
            let nobody = "/v1/coupons/9ec30694-4a46-8457-92a6-876f5cb9ea4e"
            #expect(try api.get(nobody).code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/use", #"{"userId":42}"#).code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/restore", #"{"userId":42}"#).code == "NOT_FOUND")
            for path in ["", "/restock", "/close", "/coupons"] {
                let body = path == "/restock" ? #"{"quantity":1}"# : path == "/coupons" ? #"{"userId":1}"# : "{}"
                let answer =
                    path.isEmpty
                    ? try api.get("/v1/coupon-policies/99") : try api.post("/v1/coupon-policies/99\(path)", body)
                #expect(answer.code == "NOT_FOUND")
            }
            let percent = #"{"name":"x","quantity":1,"discountType":"percent","discountValue":101}"#
            #expect(try api.post("/v1/coupon-policies", percent).code == "INVALID")
            #expect(try api.get("/v1/coupon-policies").items.count == 3)
        }
    }
}

import TimesaleClient

@testable import Sidecar

/// Inputs to begin with: a body of each kind, queries, headers, and days in the life of a small shop as requests.
/// `fuzz-http seeds DIR` writes them; what is in `Tests/Corpus/http` under the same names was written so.
enum HTTPSeeds {
    static func all() -> [(name: String, bytes: [UInt8])] { bodies() + bounds() + queries() + headers() + days() }

    private static let ids = Ids()

    /// Of what requests with a key make: they follow from the key.
    private struct Ids {
        private let user = UserID(42)

        func order(_ key: String, sale: Int) -> String {
            OrderID(idempotencyKey: key, for: user, scope: "/v1/timesales/\(sale)/orders").description
        }
        func coupon(_ key: String, policy: Int) -> String {
            CouponID(idempotencyKey: key, for: user, scope: "/v1/coupon-policies/\(policy)/coupons").description
        }
        func checkout(_ key: String) -> String {
            CheckoutID(idempotencyKey: key, for: user, scope: "/v1/checkouts").description
        }
    }

    // MARK: Parts

    /// By the name of their table: a body with all of its fields.
    private static let examples: [String: String] = [
        "NewTimeSale": #"{"id":"7","name":"Lamps","stock":10,"startsAt":"2026-01-01T10:00:00Z","endsAt":"#
            + #""9999-12-31T23:59:59.999+09:00","perUserLimit":2,"holdSeconds":900.5,"unitPrice":1999}"#,
        "Restock": #"{"quantity":4}"#, "NewOrder": #"{"userId":42,"quantity":3}"#, "Nothing": "{}",
        "Extension": #"{"holdSeconds":1.25}"#,
        "OrderBatch": #"{"orders":[{"timeSaleId":7,"userId":42,"key":"a\u00e9"},"#
            + #"{"timeSaleId":"8","userId":"01890a5d-ac96-774b-bcce-b302099a8057","quantity":2}]}"#,
    ]

    private static func bodies() -> [(String, [UInt8])] {
        var seen: Set<String> = []
        return HTTPTarget.bodies.enumerated().compactMap { index, fields in
            guard seen.insert(fields.name).inserted else { return nil }
            let body = examples[fields.name] ?? "{\(fields.list.map(member).joined(separator: ","))}"
            return ("body-\(fields.name)", [0, UInt8(index)] + body.utf8)
        }
    }

    /// At the bounds of what is read, and behind them.
    private static func bounds() -> [(String, [UInt8])] {
        let bodies = [
            ("number-2-64-and-1", #"{"userId":42,"quantity":18446744073709551617}"#),
            ("number-large", #"{"userId":18446744073709551615,"quantity":1e6}"#),
            ("number-too-large", #"{"userId":42,"quantity":1e400}"#),
            ("number-below-0", #"{"userId":42,"quantity":-0.0}"#),
            ("name-escaped", #"{"user\u0049d":42,"a\n\t\"\\\u0001\ud83d\ude00":1}"#),
        ]
        let order = HTTPTarget.bodies.firstIndex { $0.name == "NewOrder" } ?? 0
        return bodies.map { name, body in ("bound-\(name)", [0, UInt8(order)] + body.utf8) }
            + [("bound-query", [1, 0] + "limit=18446744073709551617".utf8)]
    }

    private static func member(_ field: Field) -> String {
        let value =
            switch field.kind {
            case .objects(let fields, _): "[{\(fields.list.map(member).joined(separator: ","))}]"
            case .integer, .seconds, .offerId, .userId: example(field.kind)
            default: "\"\(example(field.kind))\""
            }
        return "\"\(field.name)\":\(value)"
    }

    private static func example(_ kind: FieldKind) -> String {
        switch kind {
        case .offerId: "7"
        case .userId: "42"
        case .operationId, .uuid: "019b76da-a800-7457-8123-456789abcdef"
        case .integer(let range): "\(min(range.upperBound, 10))"
        case .seconds: "1.5"
        case .time: "2026-01-01T10:00:00.25Z"
        case .text: "a text"
        case .choice(let all), .choices(let all): all[0]
        case .position: "0"
        case .objects: ""
        }
    }

    private static func queries() -> [(String, [UInt8])] {
        HTTPTarget.queries.enumerated().map { index, fields in
            let pairs = fields.list.map { "\($0.name)=\(example($0.kind))".replacing(" ", with: "%20") }
            return ("query-\(fields.name)", [1, UInt8(index)] + pairs.joined(separator: "&").utf8)
        }
    }

    private static func headers() -> [(String, [UInt8])] {
        let texts: [(String, UInt8, String)] = [
            ("key", 2, "abc-123"), ("key-quoted", 2, #""a\"b\\c""#), ("time", 3, "2026-01-01T10:00:00.123456+09:00"),
            ("time-utc", 3, "2026-01-01T10:00:00Z"), ("time-leap", 3, "2000-02-29T23:59:59-00:30"),
            (
                "head", 4,
                "/v1/timesales/7/orders?limit=2\nContent-Type: application/json; charset=utf-8\nIdempotency-Key: abc\n"
                    + "Accept-Encoding: gzip;q=0.5, *;q=0\nIf-None-Match: W/\"1\", \"2\"\nContent-Length: 12"
            ),
        ]
        return texts.map { name, kind, text in (name, [kind, 0] + text.utf8) }
    }

    // MARK: Days

    private static func days() -> [(String, [UInt8])] {
        [
            day("orders", 0, orders), day("orders-chunked", 3, orders), day("coupons", 0, coupons),
            day("points", 0, points), day("checkouts", 0, checkouts), day("questions", 0, questions),
        ]
    }

    private static func day(_ name: String, _ options: UInt8, _ requests: [FuzzRequest]) -> (String, [UInt8]) {
        ("day-\(name)", [5, options] + requests.map(\.spelling).joined(separator: [0x1e]))
    }

    private static func sale(_ id: Int, _ more: String = "") -> FuzzRequest {
        FuzzRequest("POST", "/v1/timesales", #"{"id":\#(id),"name":"Lamps","stock":5,"unitPrice":1999\#(more)}"#)
    }

    private static let orders: [FuzzRequest] = {
        let order = "/v1/orders/\(ids.order("a", sale: 7))"
        return [
            sale(7, #","holdSeconds":60,"perUserLimit":4,"startsAt":"2026-01-01T10:00:00Z""#),
            FuzzRequest("POST", "/v1/timesales/7/orders", key: "a", #"{"userId":42,"quantity":3}"#),
            FuzzRequest("POST", "/v1/timesales/7/orders", key: "a", #"{"userId":42,"quantity":3}"#),
            FuzzRequest("POST", "/v1/timesales/7/orders", #"{"userId":"43","quantity":5}"#),
            FuzzRequest("POST", "\(order)/extend", key: "b", #"{"holdSeconds":120}"#),
            FuzzRequest("POST", "\(order)/confirm"), FuzzRequest("POST", "\(order)/cancel"), FuzzRequest(get: order),
            FuzzRequest("POST", "/v1/timesales/7/restock", key: "r", #"{"quantity":2}"#),
            FuzzRequest(
                "POST", "/v1/orders/batch",
                #"{"orders":[{"timeSaleId":7,"userId":42,"key":"c"},{"timeSaleId":8,"userId":5,"quantity":9}]}"#),
            FuzzRequest(get: "/v1/users/42/orders?limit=1"), FuzzRequest(get: "/v1/timesales/7/orders"),
            FuzzRequest("POST", "/v1/timesales/7/close"), FuzzRequest(get: "/v1/timesales?state=closed&limit=5"),
        ]
    }()

    private static let policy = FuzzRequest(
        "POST", "/v1/coupon-policies",
        #"{"id":70,"name":"Welcome","quantity":3,"perUserLimit":2,"discountType":"percent","discountValue":10,"#
            + #""maxDiscount":500,"minPurchase":100}"#)

    private static let coupons: [FuzzRequest] = {
        let coupon = "/v1/coupons/\(ids.coupon("a", policy: 70))"
        return [
            policy, FuzzRequest("POST", "/v1/coupon-policies/70/coupons", key: "a", #"{"userId":42}"#),
            FuzzRequest("POST", "\(coupon)/use", key: "u", #"{"userId":42,"purchaseAmount":4000}"#),
            FuzzRequest("POST", "\(coupon)/restore", key: "r", #"{"userId":42}"#), FuzzRequest(get: coupon),
            FuzzRequest(get: "/v1/users/42/coupons?state=issued"),
            FuzzRequest("POST", "/v1/coupon-policies/70/restock", #"{"quantity":2}"#),
            FuzzRequest("POST", "/v1/coupon-policies/70/close"), FuzzRequest(get: "/v1/coupon-policies"),
        ]
    }()

    private static let points: [FuzzRequest] = [
        FuzzRequest(
            "POST", "/v1/users/42/points/earn", key: "e",
            #"{"amount":100,"reason":"first","expiresAt":"9000-01-01T00:00:00Z"}"#),
        FuzzRequest("POST", "/v1/users/42/points/use", key: "u", #"{"amount":30}"#),
        FuzzRequest(get: "/v1/users/42/points"), FuzzRequest(get: "/v1/users/42/points/transactions?limit=2"),
        FuzzRequest("POST", "/v1/points/earn-batch", key: "b", #"{"entries":[{"userId":42,"amount":5}]}"#),
        FuzzRequest("POST", "/v1/users/42/points/use", #"{"amount":1000000000}"#),
    ]

    private static let checkouts: [FuzzRequest] = {
        let checkout = "/v1/checkouts/\(ids.checkout("c"))"
        return [
            sale(7, #","holdSeconds":60"#), sale(8), policy,
            FuzzRequest("POST", "/v1/coupon-policies/70/coupons", key: "a", #"{"userId":42}"#),
            FuzzRequest("POST", "/v1/users/42/points/earn", #"{"amount":100}"#),
            FuzzRequest(
                "POST", "/v1/checkouts", key: "c",
                #"{"userId":42,"lines":[{"timeSaleId":7,"quantity":2}],"usePoints":60,"earnPoints":5,"couponId":""#
                    + ids.coupon("a", policy: 70) + #""}"#),
            FuzzRequest(get: checkout), FuzzRequest("POST", "\(checkout)/confirm"),
            FuzzRequest("POST", "\(checkout)/cancel"),
        ]
    }()

    private static let questions: [FuzzRequest] = [
        FuzzRequest(get: "/livez"), FuzzRequest(get: "/readyz"), FuzzRequest(get: "/v1/stats"),
        FuzzRequest(get: "/metrics"), FuzzRequest("OPTIONS", "/v1/timesales"), FuzzRequest("HEAD", "/livez"),
        FuzzRequest("DELETE", "/v1/timesales/7"), FuzzRequest(get: "/nothing"), sale(7), sale(7),
    ]
}

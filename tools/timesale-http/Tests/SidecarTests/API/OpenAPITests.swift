import Foundation
import NIOCore
import Testing

@testable import Sidecar

/// The document against the contract of the API: every path, status and field that is promised is in it. That the
/// server keeps to the document is seen by every other test, since `API` holds each answer against it.
@Suite struct OpenAPITests {
    private let document: [String: Any]

    init() throws {
        let bytes = OpenAPIDocument(RouteTable.routes).buffer
        document = try #require(
            JSONSerialization.jsonObject(with: Data(bytes.readableBytesView)) as? [String: Any])
    }

    private static let operations = """
        POST /v1/timesales 201
        GET /v1/timesales 200
        GET /v1/timesales/{id} 200 404
        POST /v1/timesales/{id}/restock 200 404 409
        POST /v1/timesales/{id}/close 200 404
        POST /v1/timesales/{id}/orders 201 404 409
        GET /v1/timesales/{id}/orders 200 404 410
        GET /v1/orders/{orderId} 200 404
        POST /v1/orders/{orderId}/confirm 200 404 409
        POST /v1/orders/{orderId}/cancel 200 404 409
        POST /v1/orders/{orderId}/extend 200 404 409
        GET /v1/users/{userId}/orders 200
        POST /v1/orders/batch 200 400
        GET /v1/timesales/{id}/events 200 404
        GET /v1/events 200 410
        GET /v1/live 200
        POST /v1/coupon-policies 201 400 409
        GET /v1/coupon-policies 200
        GET /v1/coupon-policies/{id} 200 404
        POST /v1/coupon-policies/{id}/restock 200 404 409
        POST /v1/coupon-policies/{id}/close 200 404
        POST /v1/coupon-policies/{id}/coupons 201 404 409
        GET /v1/users/{userId}/coupons 200
        GET /v1/coupons/{couponId} 200 404
        POST /v1/coupons/{couponId}/use 200 404 409
        POST /v1/coupons/{couponId}/restore 200 404 409
        POST /v1/users/{userId}/points/earn 201 400
        POST /v1/users/{userId}/points/use 200 409
        GET /v1/users/{userId}/points 200
        GET /v1/users/{userId}/points/transactions 200
        GET /v1/point-transactions/{id} 200 404
        POST /v1/point-transactions/{id}/cancel 200 404 409
        POST /v1/points/earn-batch 200 400
        POST /v1/checkouts 201 404 409
        POST /v1/checkouts/{id}/confirm 200 404 409
        POST /v1/checkouts/{id}/cancel 200 404 409
        GET /v1/checkouts/{id} 200 404
        GET /livez 200
        GET /readyz 200 503
        GET /openapi.json 200
        GET /v1/stats 200
        GET /metrics 200
        GET / 200 304
        GET /dashboard.css 200 304
        GET /dashboard.js 200 304
        """

    private static let anyStatuses = ["400", "401", "403", "404", "405", "413", "415", "429", "503"]
    private static let changeStatuses = ["422", "504", "507"]

    @Test func everyOperationIsThere() throws {
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        for line in Self.operations.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            let operation = try #require(paths[words[1]]?[words[0].lowercased()] as? [String: Any], "\(line)")
            let responses = try #require(operation["responses"] as? [String: Any])
            let wanted = words.dropFirst(2) + Self.anyStatuses + (words[0] == "POST" ? Self.changeStatuses : [])
            for status in wanted { #expect(responses[status] != nil, "\(line): no \(status)") }
        }
    }

    private static let fields: [String: String] = [
        "TimeSale": """
        id name state stock available held sold startsAt endsAt perUserLimit holdSeconds unitPrice createdAt
        """,
        "Order": "orderId timeSaleId userId quantity state createdAt expiresAt lateConfirm",
        "CouponPolicy": """
        id name state quantity issued used remaining perUserLimit discountType discountValue maxDiscount minPurchase \
        validFrom validUntil
        """,
        "Coupon": "couponId policyId userId state issuedAt usedAt orderId expiresAt",
        "PointTransaction": "transactionId userId kind amount reason state createdAt expiresAt",
        "PostedPointTransaction": "transactionId balance",
        "PointBalance": "userId balance nextExpiry",
        "Checkout": """
        checkoutId orders subtotal discount pointsUsed pointsEarned toPay state expiresAt lateConfirm
        """,
        "Event": "seq",
        "LiveState": """
        time version engine rates totals requests log shards sales salesCut policies policiesCut mirror
        """,
        "LiveLog": "syncMs syncP50Ms syncP99Ms eventsPerSecond bytesPerSecond blocksPerSecond",
        "LiveMirror": """
        state sequence eventSequence lagEvents lagBytes lagMs writesPerSecond writes flushes errors rewrites repairs \
        eventsWritten eventGaps
        """,
        "LiveEngine": "isAvailable awaySince breaker connections",
        "LiveRequests": "perSecond p50Ms p99Ms",
        "NewTimeSale": "id name stock startsAt endsAt perUserLimit holdSeconds unitPrice",
        "NewOrder": "userId quantity",
        "Extension": "holdSeconds",
        "Restock": "quantity",
        "BatchOrder": "timeSaleId userId quantity key",
        "NewCouponPolicy": """
        id name quantity perUserLimit discountType discountValue maxDiscount minPurchase validFrom validUntil
        """,
        "CouponUse": "userId orderId purchaseAmount",
        "Earning": "amount reason expiresAt",
        "PointUse": "amount reason",
        "BatchEarning": "userId amount expiresAt",
        "NewCheckout": "userId lines couponId usePoints earnPoints",
        "Problem": "type title status detail code retryable",
    ]

    @Test func everyFieldIsThere() throws {
        let components = try #require(document["components"] as? [String: Any])
        let schemas = try #require(components["schemas"] as? [String: [String: Any]])
        for (name, fields) in Self.fields {
            let properties = try #require(schemas[name]?["properties"] as? [String: Any], "\(name)")
            for field in fields.split(separator: " ") {
                #expect(properties[String(field)] != nil, "\(name) has no \(field)")
            }
        }
    }

    private static let codes = """
        400 MALFORMED INVALID UNKNOWN_FIELD
        401 UNAUTHENTICATED
        403 FORBIDDEN
        404 NOT_FOUND
        405 METHOD_NOT_ALLOWED
        409 ALREADY_EXISTS SOLD_OUT LIMIT_EXCEEDED NOT_STARTED ENDED CLOSED CONFIRMED CANCELLED EXPIRED PART_OF_CHECKOUT
        409 EXHAUSTED ALREADY_ISSUED ALREADY_USED NOT_OWNER MIN_PURCHASE NOT_USED INSUFFICIENT_POINTS
        409 ALREADY_CANCELLED ALREADY_SPENT
        410 GONE
        413 TOO_LARGE
        415 UNSUPPORTED_MEDIA_TYPE
        422 IDEMPOTENCY_KEY_REUSED
        429 RATE_LIMITED
        503 BUSY UNAVAILABLE
        504 OUTCOME_UNKNOWN
        507 NO_SPACE CAPACITY
        """

    @Test func everyCodeHasItsStatus() throws {
        for line in Self.codes.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            for name in words.dropFirst() {
                let code = try #require(ProblemCode.allCases.first { $0.name == name }, "\(name)")
                #expect("\(code.status)" == words[0])
            }
        }
        #expect(Set(ProblemCode.allCases.map(\.name)).count == ProblemCode.allCases.count)
        #expect(Set(ProblemCode.allCases.map(\.type)).count == ProblemCode.allCases.count)
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let bytes = OpenAPIDocument(RouteTable.routes).buffer
        let text = String(buffer: bytes)
        let components = try #require(document["components"] as? [String: Any])
        for match in text.matches(of: /"#\/components\/([a-z]+)\/([A-Za-z]+)"/) {
            let group = components[String(match.1)] as? [String: Any]
            #expect(group?[String(match.2)] != nil, "\(match.0)")
        }
    }
}

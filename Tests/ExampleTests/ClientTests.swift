import Foundation
import TestSupport
import Testing

/// Shows that the clients of docs/clients.md retry as they should: each orders from a server that follows a script of
/// faults, and what it sent and how it ended are compared.
@Suite struct ClientTests {
    // How a client ends.
    private static let ordered: Int32 = 0
    private static let refused: Int32 = 1
    private static let notDone: Int32 = 2
    private static let unknown: Int32 = 3

    private static let busy = FakeShop.Step.problem(503, "BUSY", isRetryable: true, retryAfter: "0")
    private static let lost = FakeShop.Step.problem(504, "OUTCOME_UNKNOWN", isRetryable: true, retryAfter: "0")
    private static let soldOut = FakeShop.Step.problem(409, "SOLD_OUT", isRetryable: false)
    private static let proxy = FakeShop.Step.answer(502, headers: ["Content-Type": "text/html"], body: "<p>Bad")

    private struct Body: Decodable, Equatable {
        let userId: String
        let quantity: Int
    }

    private static func body(_ request: FakeShop.Request) throws -> Body {
        try JSONDecoder().decode(Body.self, from: Data(request.body.utf8))
    }

    @Test func pythonIsHere() {
        #expect(ClientExample.runnable.contains { $0.file == "timesale.py" })
    }

    @Test(arguments: ClientExample.runnable) func goesThroughEveryFaultWithOneKey(_ client: ClientExample) throws {
        let shop = FakeShop([
            Self.busy, .drop, Self.lost, .cut, Self.proxy,
            .problem(429, "RATE_LIMITED", isRetryable: true, retryAfter: "0"), .created,
        ])
        let run = try client.order(from: shop.base, tries: 7)
        #expect(run.status == Self.ordered, "\(run.errors)")
        let answer = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        #expect(answer?["orderId"] as? String == "0198c0de-0000-8000-8000-000000000001")
        let requests = shop.requests
        #expect(requests.count == 7)
        for request in requests {
            #expect(request.line == "POST /v1/timesales/1001/orders HTTP/1.1")
            #expect(request.headers["idempotency-key"] == "basket-7")
            #expect(request.headers["content-type"] == "application/json")
            #expect(try Self.body(request) == Body(userId: "42", quantity: 2))
        }
    }

    @Test(arguments: ClientExample.runnable) func waitsAsLongAsItIsTold(_ client: ClientExample) throws {
        let shop = FakeShop([.problem(503, "UNAVAILABLE", isRetryable: true, retryAfter: "1"), .created])
        let run = try client.order(from: shop.base, tries: 2)
        #expect(run.status == Self.ordered, "\(run.errors)")
        let requests = shop.requests
        try #require(requests.count == 2)
        // A lower bound holds however slow the machine is. Timers may be a little early.
        #expect(requests[1].arrived - requests[0].arrived > .milliseconds(950))
    }

    /// Both ways to write it: the second try would come an hour later.
    @Test(arguments: ClientExample.runnable, ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
    func doesNotWaitBeyondItsPatience(_ client: ClientExample, _ retryAfter: String) throws {
        let shop = FakeShop([.problem(503, "BUSY", isRetryable: true, retryAfter: retryAfter)])
        let run = try client.order(from: shop.base, tries: 7)
        #expect(run.status == Self.notDone, "\(run.errors)")
        #expect(shop.requests.count == 1)
    }

    @Test(arguments: ClientExample.runnable) func aRefusalIsAnAnswer(_ client: ClientExample) throws {
        let shop = FakeShop([Self.soldOut])
        let run = try client.order(from: shop.base, tries: 7)
        #expect(run.status == Self.refused)
        #expect(run.errors.contains("SOLD_OUT") && run.errors.contains("told"), "\(run.errors)")
        #expect(shop.requests.count == 1)
    }

    /// What retries end with: only faults that left nothing behind are "not done".
    @Test(arguments: ClientExample.runnable) func doesNotGuess(_ client: ClientExample) throws {
        let ends: [(script: [FakeShop.Step], status: Int32, requests: Int)] = [
            ([Self.busy], Self.notDone, 3),
            ([.drop], Self.unknown, 3),
            ([.cut], Self.unknown, 3),
            ([Self.lost], Self.unknown, 3),
            ([Self.proxy], Self.unknown, 3),
            // One attempt that may have been carried out is enough.
            ([Self.lost, Self.busy], Self.unknown, 3),
            ([Self.busy, Self.busy, .drop], Self.unknown, 3),
            ([.problem(504, "OUTCOME_UNKNOWN", isRetryable: false)], Self.unknown, 1),
            ([.answer(500, body: "oh")], Self.unknown, 1),
            ([.answer(201, body: "<p>Welcome to the hotel")], Self.unknown, 1),
            ([.problem(507, "CAPACITY", isRetryable: false)], Self.refused, 1),
            ([.answer(413, body: "too large for the proxy")], Self.refused, 1),
            ([Self.lost, Self.soldOut], Self.refused, 2),
        ]
        for end in ends {
            let shop = FakeShop(end.script)
            let run = try client.order(from: shop.base, tries: 3)
            #expect(run.status == end.status, "\(end.script): \(run.errors)")
            #expect(shop.requests.count == end.requests, "\(end.script)")
            #expect(Set(shop.requests.map { $0.headers["idempotency-key"] }) == ["basket-7"])
        }
    }

    @Test(arguments: ClientExample.runnable) func nobodyListens(_ client: ClientExample) throws {
        let shop = FakeShop([.drop], isOpen: false)
        let run = try client.order(from: shop.base, tries: 3)
        #expect(run.status == Self.notDone, "\(run.errors)")
        #expect(shop.requests.isEmpty)
    }

    /// A try has an end too: a quarter of the patience.
    @Test(arguments: ClientExample.runnable) func aSilentServerIsLeft(_ client: ClientExample) throws {
        let shop = FakeShop([.silence])
        let run = try client.order(from: shop.base, tries: 2, patience: 4)
        #expect(run.status == Self.unknown, "\(run.errors)")
        #expect(shop.requests.count == 2)
    }

    /// Users of a shop that are neither numbers nor UUIDs; the page has the value.
    @Test(arguments: ClientExample.runnable) func usersBecomeUUIDs(_ client: ClientExample) throws {
        let uuid = "7E1D0A54-8C38-4B0F-9D57-2F6F0A3F7C11"
        let users = [("alice@shop.example", ClientPageTests.alice), (uuid, uuid), ("18446744073709551615", nil)]
        for (user, sent) in users {
            let shop = FakeShop([.created])
            _ = try client.order(from: shop.base, user: user, tries: 1)
            let request = try #require(shop.requests.first)
            #expect(try Self.body(request).userId == sent ?? user)
        }
    }
}

import Testing
import TimesaleClient
import TimesaleTestKit

/// How a shop tests its own code: against a real server that lives as long as the test.
@Suite struct LampTests {
    @Test func nobodyGetsTheEleventhLamp() async throws {
        try await withTimesale { client in
            try await client.createSale(NewSale(id: 1, name: "Lamps", stock: 10))
            let results = await client.orders((1...11).map { OrderRequest(sale: 1, user: UserID($0)) })
            #expect(results.count { (try? $0.get()) != nil } == 10)
            #expect(results.contains(.failure(.refused(.soldOut, retryAfterMs: 0))))
        }
    }
}

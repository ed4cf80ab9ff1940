import Testing
import TimesaleClient
import TimesaleTestKit

@testable import CommandLineTool

extension CommandLineTests {
    /// Shows that a promise that is broken is loud: the report of a rush, and the checks that it is made of, with
    /// answers that a right server never gives.
    @Suite struct RushReportTests {
        private func plan(_ sale: Sale, buyers: Int) -> RushPlan {
            RushPlan(sale: sale, isOwnSale: true, buyers: buyers, quantity: 1, firstUser: 1, over: .zero)
        }

        @Test func aBrokenPromiseIsFound() async throws {
            try await withTimesale { client in
                let sale = try await client.createSale(NewSale(id: 1, name: "x", stock: 2))
                let plan = plan(sale, buyers: 3)
                try await client.order(plan.request(buyer: 0))
                // Buyers who were told "accepted", and of whom the server knows nothing.
                let invented = [plan.request(buyer: 1), plan.request(buyer: 2)]
                var counts = Tally.Counts()
                counts.accepted = 2
                counts.refused[.soldOut] = 1
                let (checks, now) = try await RushCheck.all(plan, counts, accepted: invented, client)
                let kept = Dictionary(uniqueKeysWithValues: checks.map { ($0.name, $0.isKept) })
                #expect(kept["neverOversold"] == true && kept["acceptedOrdersAreThere"] == false)
                #expect(kept["repeatsChangeNothing"] == false)

                let report = RushReport(plan, counts, Tally.Records(), checks, now)
                #expect(!report.isKept && report.text(.plain, .unicode).contains("BROKEN"))
                #expect(report.json.text.contains("\"kept\":false"))
                #expect(report.verdict == .broken)
            }
        }

        @Test func theVerdict() async throws {
            try await withTimesale { client in
                let sale = try await client.createSale(NewSale(id: 1, name: "x", stock: 2))
                func verdict(_ change: (inout Tally.Counts) -> Void) -> CommandLineTool.ExitStatus {
                    var counts = Tally.Counts()
                    change(&counts)
                    return RushReport(plan(sale, buyers: 3), counts, Tally.Records(), [], sale).verdict
                }
                #expect(
                    verdict {
                        $0.accepted = 2
                        $0.refused[.soldOut] = 1
                    } == .done)
                #expect(
                    verdict {
                        $0.accepted = 2
                        $0.unknown = 1
                    } == .unknown)
                #expect(verdict { $0.unanswered = 3 } == .unavailable)
            }
        }

        @Test func theStockOverTime() async throws {
            try await withTimesale { client in
                let sale = try await client.createSale(NewSale(id: 1, name: "x", stock: 4))
                let records = Tally.Records(
                    latenciesUs: [10, 20, 30, 40], lastAnswerUs: 400, acceptedAtUs: [400, 100, 300, 200],
                    accepted: [])
                let report = RushReport(plan(sale, buyers: 4), Tally.Counts(), records, [], sale)
                #expect(report.stockOverTime(columns: 4) == [0.75, 0.5, 0.25, 0])
            }
        }

        @Test func howManyBuyersCome() {
            #expect(RushPlan.buyers(for: 10_000, quantity: 1) == 12_000)
            #expect(RushPlan.buyers(for: 10, quantity: 3) == 4 && RushPlan.buyers(for: 0, quantity: 1) == 1)
            #expect(RushPlan.buyers(for: 1 << 40, quantity: 1) == 1_000_000)
        }
    }
}

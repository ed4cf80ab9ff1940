import Generator
import Protocol
import Testing

@testable import Harness

/// Shows that a verification fails as soon as one side tells something else: with numbers that are made up.
@Suite struct VerificationTests {
    private func failures(_ change: (inout Verification) -> Void) -> [String] {
        var verification = Verification()
        verification.counts = [Verification.Count(what: "orders", replies: 1000, server: 1000, log: 1000)]
        verification.offers = [
            Verification.Offer(what: "sale 1", stock: 1000, taken: 1000, left: 0, log: 1000, demand: 2000)
        ]
        let records = Generator.UserRecords(balance: 50, coupons: 2)
        verification.users = [Verification.User(id: Id128(high: 0, low: 7), server: records, log: records)]
        change(&verification)
        #expect(verification.text.hasPrefix(verification.failures.isEmpty ? "verified" : "FAILED"))
        return verification.failures
    }

    @Test func agreementPasses() { #expect(failures { _ in } == []) }

    @Test func repliesAndServerDisagree() {
        #expect(
            failures { $0.counts[0].replies = 1001 } == [
                "orders: 1,001 by the replies, but 1,000 by the server's counters"
            ])
        #expect(failures { $0.counts[0].replies = 999 }.count == 1)
    }

    /// Lost replies make a range, and no more than that.
    @Test func whatIsUnknownIsARange() {
        for (server, count) in [(UInt64(999), 1), (1000, 0), (1003, 0), (1004, 1)] {
            let found = failures {
                $0.counts[0].unknown = 3
                $0.counts[0].server = server
                $0.counts[0].log = server
            }
            #expect(found.count == count, "\(server)")
            if count > 0 { #expect(found[0].contains("1,000 to 1,003 by the replies, but \(grouped(server))")) }
        }
    }

    @Test func serverAndLogDisagree() {
        #expect(
            failures { $0.counts[0].log = 999 } == ["orders: 1,000 by the server's counters, but 999 in its log"])
        #expect(
            failures { $0.offers[0].log = 999 } == ["sale 1: 1,000 taken by the server's count, but 999 in its log"])
        #expect(
            failures { $0.users[0].log?.balance = 49 } == [
                "user 00000000-0000-0000-0000-000000000007: a balance of 50 by the server, but of 49 by its log"
            ])
        #expect(failures { $0.users[0].log?.coupons = 3 }.count == 1)
    }

    @Test func oversoldByOne() {
        let byServer = failures { ($0.offers[0].taken, $0.offers[0].log) = (1001, 1001) }
        #expect(byServer.contains("sale 1 is oversold: 1,001 of 1,000 by the server's count"))
        let byLog = failures { $0.offers[0].log = 1001 }
        #expect(byLog.contains("sale 1 is oversold: 1,001 of 1,000 by the log"))
    }

    @Test func leftOverThoughItWasWanted() {
        let found = failures { verification in
            verification.offers[0].taken = 999
            verification.offers[0].left = 1
            verification.offers[0].log = 999
        }
        #expect(found == ["sale 1: 1 of 1,000 are left over, although at least 2,000 were asked for"])
        // Nobody asked for all of it: then some may be left.
        #expect(
            failures { verification in
                verification.offers[0].taken = 999
                verification.offers[0].left = 1
                verification.offers[0].log = 999
                verification.offers[0].demand = 999
            } == [])
    }

    @Test func unitsThatAreNowhere() {
        #expect(
            failures { ($0.offers[0].taken, $0.offers[0].log) = (999, 999) } == [
                "sale 1: 999 taken and 0 left are not the 1,000 that there were"
            ])
    }

    @Test func aUserBeyondTheLimit() {
        #expect(failures { ($0.offers[0].limit, $0.offers[0].most) = (2, 2) } == [])
        #expect(
            failures { ($0.offers[0].limit, $0.offers[0].most) = (2, 3) } == [
                "sale 1: one user has 3 by the log, and may have 2"
            ])
    }

    /// Without a log the other two are compared, and the text says that the log was not read.
    @Test func withoutALog() {
        var verification = Verification()
        verification.counts = [Verification.Count(what: "orders", replies: 5, server: 5, log: nil)]
        verification.logNote = "the log was not read: nobody named it"
        #expect(verification.failures == [] && verification.text.contains("replies and server agree"))
        #expect(verification.text.contains("the log was not read: nobody named it"))
        verification.counts[0].server = 6
        #expect(verification.failures.count == 1)
    }

    /// Whoever was refused for another reason, or never heard, may have been the one who wanted the last unit.
    @Test func demandIsWhatOnlyAnEmptyStockRefuses() {
        var account = Account()
        account.demand = [100, 20]
        account.refused = [ResultCode.soldOut.rawValue: 50, ResultCode.limitExceeded.rawValue: 10]
        account.unknown = 5
        #expect(account.demandMin(0) == 85 && account.demandMin(1) == 5)
        account.unknown = 50
        #expect(account.demandMin(1) == 0)
    }
}

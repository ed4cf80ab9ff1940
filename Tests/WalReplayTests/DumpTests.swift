import Foundation
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// Which events are shown for which condition. What an event belongs to is told here from the whole dump.
    @Suite(.serialized) final class DumpTests {
        private let shop: Shop
        private let all: [[String: Any]]

        init() throws {
            shop = try Shop(shards: 2)
            try shop.openAndSell()
            // Records and events of one id, on both sides of a snapshot.
            #expect(try shop.client.snapshot().code == .ok)
            try shop.sell(20)
            #expect(try shop.client.cancel(shop.confirmed).code == .ok)
            shop.close()
            all = try walReplay("dump", shop.dataPath, "--json").objects
        }

        private func dump(_ arguments: String...) throws -> [[String: Any]] {
            let result = try walReplay(["dump", shop.dataPath, "--json"] + arguments)
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            return try result.objects
        }

        private func kinds(_ events: [[String: Any]]) -> [String] { events.compactMap { $0["kind"] as? String } }

        @Test func anOrder() throws {
            #expect(
                try kinds(dump("--order", "\(shop.confirmed)")) == [
                    "orderPlaced", "orderConfirmed", "orderCancelled",
                ])
            #expect(try kinds(dump("--id", "\(shop.cancelled)")) == ["orderPlaced", "orderCancelled"])
        }

        @Test func aCheckoutAndItsParts() throws {
            #expect(
                try kinds(dump("--id", "\(shop.checkout)"))
                    == ["orderPlaced", "orderPlaced", "checkoutPlaced", "checkoutConfirmed"])
            // An order of it changes by events of the checkout.
            #expect(
                try kinds(dump("--id", "\(shop.checkout.ofPart(.line(1)))"))
                    == ["orderPlaced", "checkoutPlaced", "checkoutConfirmed"])
            #expect(
                try kinds(dump("--id", "\(shop.checkout.ofPart(.pointsUsed))"))
                    == ["checkoutPlaced", "checkoutConfirmed"])
            #expect(
                try kinds(dump("--id", "\(shop.coupon)")) == [
                    "couponIssued", "checkoutPlaced", "checkoutConfirmed",
                ])
        }

        @Test func aUser() throws {
            let found = try kinds(dump("--user", "\(shop.user)"))
            #expect(
                found == [
                    "orderPlaced", "orderConfirmed", "pointsEarned", "pointsUsed", "couponIssued", "orderPlaced",
                    "orderPlaced", "checkoutPlaced", "checkoutConfirmed", "orderCancelled",
                ])
            #expect(try kinds(dump("--user", "\(shop.other)")) == ["orderPlaced", "orderCancelled"])
            #expect(try dump("--user", "42").isEmpty)
        }

        @Test func aSaleAndAPolicy() throws {
            let held = try kinds(dump("--sale", "\(Shop.heldSale)"))
            #expect(
                held.sorted() == [
                    "checkoutConfirmed", "checkoutPlaced", "orderCancelled", "orderCancelled", "orderConfirmed",
                    "orderPlaced", "orderPlaced", "orderPlaced", "saleCreated",
                ])
            #expect(
                try kinds(dump("--policy", "\(Shop.policy)"))
                    == ["policyCreated", "couponIssued", "checkoutPlaced", "checkoutConfirmed"])
        }

        @Test func allConditionsMustHold() throws {
            let both = try dump("--sale", "\(Shop.heldSale)", "--user", "\(shop.other)", "--kind", "orderCancelled")
            #expect(both.count == 1 && both[0]["order"] as? String == "\(shop.cancelled)")
            let orders = try dump("--kind", "orderPlaced", "--kind", "saleCreated")
            let expected = all.filter { ["orderPlaced", "saleCreated"].contains($0["kind"] as? String) }
            #expect(orders as NSArray == expected as NSArray)
            #expect(expected.count > 20)
        }

        @Test func rangesOfSequencesAndTimes() throws {
            let sequences = all.compactMap { $0["sequence"] as? UInt64 }
            let (first, last) = (sequences[all.count / 3], sequences[all.count / 2])
            let inRange = try dump("--since", "\(first)", "--until", "\(last)")
            let expected = all.filter { (first...last).contains($0["sequence"] as? UInt64 ?? 0) }
            #expect(inRange as NSArray == expected as NSArray && !expected.isEmpty && expected.count < all.count)
            let times = all.compactMap { $0["timeMs"] as? UInt64 }.sorted()
            let (begin, end) = (times[times.count / 3], times[times.count / 2])
            let during = try dump("--since", "\(begin)", "--until", "\(end)ms")
            #expect(
                during as NSArray == all.filter { (begin...end).contains($0["timeMs"] as? UInt64 ?? 0) } as NSArray)
            let seconds = try dump("--since", "2020-01-01T00:00:00Z", "--until", "2020-01-01T00:00:01+00:00")
            #expect(seconds.isEmpty)
            // What a range leaves out is still known to belong to its user.
            let placed = try #require(
                all.first { $0["order"] as? String == "\(shop.confirmed)" }?["sequence"] as? UInt64)
            let later = try dump("--user", "\(shop.user)", "--since", "\(placed + 1)", "--limit", "1")
            #expect(kinds(later) == ["orderConfirmed"])
        }

        @Test func aLimit() throws {
            #expect(try dump("--limit", "3") as NSArray == Array(all.prefix(3)) as NSArray)
        }

        @Test func forPeople() throws {
            let result = try walReplay("dump", shop.dataPath, "--order", "\(shop.cancelled)")
            #expect(result.status == 0 && result.lines.count == 2)
            #expect(
                result.lines[0].contains(
                    "  orderPlaced  order=\(shop.cancelled) user=\(shop.other) sale=8 quantity=1"))
            #expect(result.lines[1].hasSuffix("  orderCancelled  order=\(shop.cancelled)"))
        }

        /// What the log goes on from: records in place of what happened before.
        @Test func recordsOfASnapshotComeFirst() throws {
            let again = try Shop.start(in: shop.directory, shards: 2)
            let client = try again.client(timeoutMs: 120_000)
            for _ in 0..<2 {
                #expect(try client.order(IdMint.random(shop.user), user: shop.user, sale: Shop.sale).code == .ok)
                #expect(try client.snapshot().code == .ok)
            }
            let found = try kinds(dump("--order", "\(shop.confirmed)"))
            #expect(found == ["orderKept"])
            let checkout = try kinds(dump("--id", "\(shop.checkout)"))
            #expect(
                checkout.sorted().filter { $0 != "takingKept" }
                    == ["checkoutKept", "orderKept", "orderKept", "transactionKept", "transactionKept"])
        }

        @Test func unknownWordsAreRefused() throws {
            for arguments in [
                ["--kind", "nothing"], ["--limit", "0"], ["--user", "me"], ["--since", "yesterday"],
            ] {
                let result = try walReplay(["dump", shop.dataPath] + arguments)
                #expect(result.status == 64 && result.output.isEmpty, "\(arguments)")
            }
        }
    }
}

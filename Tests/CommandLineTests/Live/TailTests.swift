import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows what `tail` prints, that it is what the log holds, how it ends, and that positions lead on.
    @Suite(.serialized) struct TailTests {
        /// Everything that can happen, some of it twice.
        private static func everythingHappens(_ server: TimesaleServer) async throws {
            let client = try await server.client()
            try await client.createSale(
                NewSale(
                    id: 1, name: "Lampen \"groß\"", stock: 1000, perUserLimit: 50, holdMs: 600_000, unitPrice: 4990))
            try await client.createSale(NewSale(id: 2, name: "at once", stock: 1000, unitPrice: 100))
            try await client.createSale(NewSale(id: 3, name: "soon over", stock: 10, holdMs: 1))
            try await client.restock(1, quantity: 5)
            try await client.createPolicy(
                NewPolicy(
                    id: 1, name: "ten", quantity: 100, discount: .percent(10), maxDiscount: 500, minPurchase: 10,
                    perUserLimit: 5))
            try await client.createPolicy(
                NewPolicy(id: 2, name: "five off", quantity: 100, discount: .fixed(5), perUserLimit: nil))
            try await client.restockPolicy(2, quantity: 7)
            let held = try await client.order(sale: 1, user: 42, quantity: 2)
            try await client.extend(held.id, untilMs: held.expiresAtMs! + 1000)
            try await client.confirm(held.id)
            let uuid = UserID(high: 0x3f25_04e0_4f89_41d3, low: 0x9a0c_0305_e82c_3301)
            try await client.cancel(client.order(sale: 2, user: uuid).id)
            let late = try await client.order(sale: 3, user: 1)
            #expect(try await eventually { try await client.order(late.id).state == .expired })
            #expect(try await client.confirm(late.id).isLateConfirm)
            _ = try await client.cancel(OrderID.mint(for: 9))
            try await client.earnPoints(500, user: 42, expiresAtMs: held.expiresAtMs, reason: "a \\ reason\u{e9}")
            try await client.earnPoints(500, user: 7)
            let use = try await client.usePoints(20, user: 7)
            _ = try await client.cancelTransaction(use.id)
            let coupon = try await client.issueCoupon(policy: 1, user: 42)
            try await client.useCoupon(coupon.id, user: 42, purchaseAmount: 1000, order: held.id)
            try await client.restoreCoupon(coupon.id, user: 42)
            let fixed = try await client.issueCoupon(policy: 2, user: 7)
            try await client.useCoupon(fixed.id, user: 7)
            let whole = try await client.checkout(
                [CheckoutLine(sale: 1, quantity: 2), CheckoutLine(sale: 2)], user: 42, coupon: coupon.id,
                usePoints: 9, earnPoints: 4, earnExpiresAtMs: held.expiresAtMs)
            try await client.confirmCheckout(whole.id)
            _ = try await client.cancelCheckout(whole.id)
            let brief = try await client.checkout([CheckoutLine(sale: 3)], user: 7)
            #expect(try await eventually { try await client.checkout(brief.id).state == .expired })
            // An open hold, which a start gives a grace.
            try await client.order(sale: 1, user: 7)
            try await client.closePolicy(2)
            // Of the others there is something that stays; this one leaves.
            try await client.createSale(NewSale(id: 4, name: "over", stock: 1))
            try await client.order(sale: 4, user: 9)
            try await client.close(4)
            await client.shutdown()
        }

        private static func kinds(_ objects: [[String: Any]]) -> Set<String> {
            Set(objects.compactMap { $0["kind"] as? String })
        }

        /// What two programs say of one event, as far as both say it, and users in one form.
        private static func said(_ object: [String: Any], without names: Set<String>) -> NSDictionary {
            var fields = object.filter { !names.contains($0.key) }
            if let user = fields["user"] as? String { fields["user"] = UserID(user).map { "\($0)" } ?? user }
            return fields as NSDictionary
        }

        /// Every event that a log can hold is printed, with the same fields as `wal-replay dump` prints them.
        @Test(arguments: [1, 2]) func itSaysWhatTheLogSays(_ shards: Int) async throws {
            let options = ["--shards", "\(shards)", "--grace", "10ms", "--retain", "4s"]
            try await withTimesaleServer(options) { server in
                let at = server.tcpAddress
                try await Self.everythingHappens(server)
                await server.kill()
                try await server.restart()
                let wanted: Set<String> = [
                    "orderPlaced", "orderConfirmed", "orderCancelled", "orderExpired", "orderExtended",
                    "tombstonePlaced", "holdsGraced", "pointsEarned", "pointsUsed", "transactionCancelled",
                    "transactionReasoned", "couponIssued", "couponUsed", "couponRestored", "saleCreated",
                    "saleRestocked", "saleClosed", "policyCreated", "policyRestocked", "policyClosed", "saleRetired",
                    "checkoutPlaced", "checkoutConfirmed", "checkoutCancelled", "checkoutExpired", "retired",
                ]
                // What is over leaves some seconds later.
                let all = ["tail", "--after", "0", "--no-follow", "--json"]
                #expect(
                    try await eventually {
                        Self.kinds(try await timesale(all, at: at).objects).isSuperset(of: wanted)
                    })
                // One by one, from wherever: the event behind each position is the next one.
                for position in (try await timesale(all, at: at)).objects.compactMap({ $0["position"] as? String }) {
                    let position = try #require(TailPosition(position))
                    _ = try await Self.line(position, at)
                }
                let tail = try await timesale("tail", "--after", "0", "--no-follow", "--json", at: at)
                #expect(tail.exitCode == 0 && Self.kinds(tail.objects).isSuperset(of: wanted))
                let text = try await timesale("tail", "--after", "0", "--no-follow", at: at)
                #expect(text.lines.count >= tail.lines.count && text.lines[0].contains(" saleCreated "))
                #expect(text.lines[0].contains(" sale=1 name=\"Lampen \\\"groß\\\"\" stock=1000 "))
                await server.terminate()
                let dump = try await Self.dump(server)
                #expect(dump.count >= tail.objects.count)
                for (mine, theirs) in zip(tail.objects, dump) {
                    #expect(
                        Self.said(mine, without: ["position", "index", "orderIds"])
                            == Self.said(theirs, without: ["lsn", "index"]))
                }
            }
        }

        /// The one event behind which this position is.
        private static func line(
            _ position: TailPosition, _ at: ClientConfiguration.Address
        ) async throws -> [String: Any] {
            let before: TailPosition =
                if let index = position.index, index > 0 {
                    TailPosition(sequence: position.sequence, index: index - 1)
                } else {
                    TailPosition(sequence: position.sequence - 1)
                }
            let run = try await timesale("tail", "--after", "\(before)", "--limit", "1", "--json", at: at)
            #expect(run.exitCode == 0 && run.lines.count == 1, "\(run.errors)")
            let line = try run.json
            #expect(line["position"] as? String == "\(position)")
            return line
        }

        private static func dump(_ server: TimesaleServer) async throws -> [[String: Any]] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: executable("wal-replay"))
            process.arguments = ["dump", server.directory.path + "/data", "--json"]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
        }

        /// It prints what comes as it comes, goes on through a restart of the server, and ends by Ctrl-C.
        @Test func itFollows() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "x", stock: 1_000_000))
                let tool = try StartedTool(["tail", "--json", "--positions"], at: server.tcpAddress)
                // From now on: it may have begun a little later than this.
                var orders: [OrderID] = []
                #expect(
                    try await eventually {
                        orders.append(try await client.order(sale: 1, user: 1).id)
                        return tool.output.contains("orderPlaced")
                    })
                #expect(!tool.output.contains("saleCreated"))
                await server.kill()
                try await server.restart()
                let last = try await client.order(sale: 1, user: 2).id
                #expect(await eventually { tool.output.contains("\(last)") })
                tool.child.signal(SIGINT)
                let run = try await tool.end()
                #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
                let placed = run.objects.filter { $0["kind"] as? String == "orderPlaced" }
                    .compactMap { $0["order"] as? String }
                #expect(placed == (orders + [last]).map { "\($0)" }.suffix(placed.count))
                // Behind what came together there is a position, which leads on to what comes after it.
                let middle = try #require(run.objects.first { $0["kind"] as? String == "position" })
                let position = try #require(middle["position"] as? String)
                let rest = try await timesale(
                    "tail", "--after", position, "--no-follow", "--json", at: server.tcpAddress)
                let before = run.objects.prefix { $0["kind"] as? String != "position" }
                let wanted = run.objects.dropFirst(before.count).filter { $0["kind"] as? String != "position" }
                let begun = rest.objects.prefix(wanted.count)
                #expect(begun.elementsEqual(wanted) { $0 as NSDictionary == $1 as NSDictionary })
                await client.shutdown()
            }
        }

        /// A limit in the middle of a block, and on from there.
        @Test func aFewAtATime() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "x", stock: 100))
                let results = await client.orders((1...30).map { OrderRequest(sale: 1, user: UserID(UInt64($0))) })
                #expect(results.allSatisfy { (try? $0.get()) != nil })
                await client.shutdown()
                let all = try await timesale("tail", "--after", "0", "--no-follow", "--json", at: at).objects
                #expect(all.count == 31)
                var position = "0"
                var seen: [[String: Any]] = []
                for _ in 0..<8 {
                    let run = try await timesale(
                        "tail", "--after", position, "--no-follow", "--json", "--limit", "4", at: at)
                    #expect(run.exitCode == 0 && run.objects.count == min(4, all.count - seen.count))
                    seen += run.objects
                    position = try #require(seen.last?["position"] as? String)
                }
                #expect(seen.elementsEqual(all) { $0 as NSDictionary == $1 as NSDictionary })
                let none = try await timesale("tail", "--after", position, "--no-follow", at: at)
                #expect(none.exitCode == 0 && none.output.isEmpty)
            }
        }

        @Test func howItEnds() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "x", stock: 100))
                // Two snapshots, with something between them, cover what came before.
                for user in 1...2 as ClosedRange<UInt64> {
                    try await client.order(sale: 1, user: UserID(user))
                    _ = try await client.snapshot()
                }
                let json = try await timesale("tail", "--after", "0", "--json", at: at)
                #expect(try json.exitCode == 1 && json.json["code"] as? String == "TRIMMED")
                let oldest = try #require(try json.json["oldest"] as? String)
                let text = try await timesale("tail", "--after", "0", at: at)
                #expect(text.exitCode == 1 && text.errors.contains("the oldest one left is \(oldest) (TRIMMED)"))
                let rest = try await timesale("tail", "--after", oldest, "--no-follow", "--json", at: at)
                #expect(rest.exitCode == 0 && rest.objects.count == 1)
                let ahead = try await timesale("tail", "--after", "999999", "--json", at: at)
                #expect(try ahead.exitCode == 1 && ahead.json["code"] as? String == "INVALID")
                for position in ["", "x", "1.", ".1", "1.2.3", "-1", "+1", "1.4294967295", "18446744073709551616"] {
                    let bad = try await timesale("tail", "--after=\(position)", "--json", at: at)
                    #expect(try bad.exitCode == 64 && bad.json["code"] as? String == "USAGE", "\(position)")
                }
                // Who reads no more ends it: with the next event, and also without one.
                try await Self.expectItEndsWithItsReader(at)
                await client.shutdown()
            }
        }

        private static func expectItEndsWithItsReader(_ at: ClientConfiguration.Address) async throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: executable("timesale"))
            process.arguments = ["tail", "--json", "--server", "\(at)"]
            let (output, errors) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            try process.run()
            try output.fileHandleForReading.close()
            #expect(await eventually { !process.isRunning })
            #expect(process.terminationStatus == 128 + SIGPIPE)
            #expect(try errors.fileHandleForReading.readToEnd() ?? Data() == Data())
        }
    }
}

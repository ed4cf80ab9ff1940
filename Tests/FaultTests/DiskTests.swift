import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// A disk that fails while the server runs: the n-th write, sync, open or rename. Either the process ends with a
    /// sentence, or it goes on as the design says; what was acknowledged is there after the next start, no unit is sold
    /// twice, and none is lost.
    @Suite(.serialized, .enabled(if: FailingDisk.isPossible, "no FUSE here")) struct Disk {
        /// A fault of the log that nobody can mend, and the sentence it ends with.
        struct End: CustomTestStringConvertible, Sendable {
            var plan: FailingDisk.Plan
            var sentence: String
            var arguments: [String] = []
            var shards = 1
            var isSynchronous = false

            var testDescription: String {
                "\(plan.operation) of \(plan.name): \(plan.what), \(shards) shards \(arguments)"
            }
        }

        static let ends: [End] = [
            End(
                plan: .init(operation: .write, name: FailingDisk.segments, what: .EIO),
                sentence: "a write to the log failed: Input/output error"),
            End(
                plan: .init(operation: .write, name: FailingDisk.segments, what: .EIO),
                sentence: "a write to the log failed: Input/output error", shards: 2),
            // The second half of a durable write.
            End(
                plan: .init(operation: .sync, name: FailingDisk.segments, count: 1, what: .EIO),
                sentence: "a write to the log failed: Input/output error", isSynchronous: true),
            // The room for it was taken long ago, so a disk that says so lies: going on would answer what is not there.
            End(
                plan: .init(operation: .write, name: FailingDisk.segments, what: .ENOSPC),
                sentence: "a write to the log failed: No space left on device"),
            // The kernel goes on with a write that was done in part, until nothing more is done.
            End(
                plan: .init(operation: .write, name: FailingDisk.segments, what: .short),
                sentence: "a write to the log", isSynchronous: true),
            End(
                plan: .init(operation: .sync, name: FailingDisk.segments, count: 1, what: .EIO),
                sentence: "a sync of the log failed: Input/output error", arguments: ["--fsync", "everysec"]),
            End(
                plan: .init(operation: .sync, name: FailingDisk.segments, count: 1, what: .EIO),
                sentence: "a sync of the log failed: Input/output error", arguments: ["--fsync", "everysec"],
                shards: 2),
        ]

        /// It ends at once, after a few operations that came through, three times on the same data.
        @Test(arguments: ends) func aFaultOfTheLogIsTheEnd(_ end: End) throws {
            let disk = try FailingDisk(isSynchronous: end.isSynchronous)
            let arguments = ["--shards", "\(end.shards)"] + end.arguments
            var ledger = Ledger(stock: 3000, seed: 1)
            for round in 0..<3 {
                let server = try faultServer(arguments, in: disk.directory)
                let client = try server.client()
                if round == 0 { try ledger.open(client) }
                try ledger.expectKept(client)
                try ledger.order(client)
                var plan = end.plan
                if !end.arguments.contains("everysec") { plan.skip = round * 3 }
                try disk.arm(plan)
                // In everysec the sync comes when it is due.
                let ended = try eventually {
                    try ledger.orderUntilClosed(client, batches: 1, of: 5)
                    return server.wait(timeoutMs: 20)
                } until: {
                    $0 != nil
                }
                #expect(ended == .exited(fatalExitCode), "\(server.stderr)")
                #expect(server.stderr.contains("timesaled: fatal: \(end.sentence)"), "\(server.stderr)")
                let hits = try disk.hits()[0]
                #expect(hits.failed > 0)
                if end.plan.operation == .sync { #expect(hits.askedSince == 0, "a failed sync is tried again") }
                disk.heal()
            }
            let server = try faultServer(arguments, in: disk.directory)
            let client = try server.client()
            try ledger.expectKept(client)
            try ledger.sellOut(client)
            stop(server)
            #expect(try ToolRun("wal-replay", ["verify", disk.path]).status == 0)
        }

        /// A write that is done in part is gone on with, behind what is done: the answer waits for all of it.
        @Test(arguments: [[], ["--fsync", "no"]]) func aWriteDoneInPartIsGoneOnWith(_ arguments: [String]) throws {
            let disk = try FailingDisk(isSynchronous: true)
            var ledger = Ledger(stock: 1000, seed: 9)
            let server = try faultServer(arguments, in: disk.directory)
            let client = try server.client()
            try ledger.open(client)
            for skip in 0..<5 {
                let plan = FailingDisk.Plan(
                    operation: .write, name: FailingDisk.segments, skip: 3 * skip, count: 1, what: .short)
                try disk.arm(plan)
            }
            for _ in 0..<20 { try ledger.order(client) }
            #expect(try disk.hits().map(\.failed) == [1, 1, 1, 1, 1])
            server.kill(SIGKILL)
            server.wait()
            disk.heal()
            #expect(try ToolRun("wal-replay", ["verify", disk.path]).status == 0)
            let again = try faultServer(arguments, in: disk.directory)
            let other = try again.client()
            try ledger.expectKept(other)
            #expect(ledger.accepted.count == 400)
            try ledger.sellOut(other)
            stop(again)
        }

        /// The kernel tells of names that were lost once, to whoever asks first, and no later sync of the directory
        /// means anything: so whoever that is, the process ends.
        @Test(arguments: [
            FailingDisk.Plan(operation: .syncdir, count: 1, what: .EIO),
            FailingDisk.Plan(operation: .sync, name: FailingDisk.segmentsBeingMade, count: 1, what: .EIO),
        ])
        func aFailedSyncOfANewSegmentIsTheEnd(_ plan: FailingDisk.Plan) throws {
            let disk = try FailingDisk()
            var ledger = Ledger(stock: 100_000, seed: 2)
            let server = try faultServer(in: disk.directory)
            let client = try server.client()
            try ledger.open(client)
            try disk.arm(plan)
            // Beyond the first segment, though an order takes 32 bytes: behind each the next but one is made.
            try ledger.orderUntilClosed(client, batches: 200, of: 400)
            #expect(server.wait() == .exited(fatalExitCode), "\(server.stderr)")
            #expect(server.stderr.contains("timesaled: fatal: cannot sync"), "\(server.stderr)")
            #expect(try disk.hits()[0] == (1, 0), "a failed sync is tried again")
            disk.heal()
            let again = try faultServer(in: disk.directory)
            try ledger.expectKept(try again.client())
            stop(again)
        }

        /// No next segment can be made, for whatever reason but a sync: what is new waits for room, what is open ends,
        /// and it goes on by itself when the disk is well again.
        @Test(arguments: [
            FailingDisk.Plan(operation: .create, name: FailingDisk.segmentsBeingMade, what: .EIO),
            FailingDisk.Plan(operation: .write, name: FailingDisk.segmentsBeingMade, what: .ENOSPC),
            FailingDisk.Plan(operation: .rename, name: FailingDisk.segments, what: .EIO),
            FailingDisk.Plan(operation: .open, name: FailingDisk.segments, what: .EIO),
            FailingDisk.Plan(operation: .sync, name: FailingDisk.segmentsBeingMade, what: .ENOSPC),
        ])
        func withoutANextSegmentOrdersWaitAndHoldsEnd(_ plan: FailingDisk.Plan) throws {
            let disk = try FailingDisk()
            var mint = IdMint(seed: 30)
            var ledger = Ledger(stock: 100_000, seed: 3)
            let server = try faultServer(in: disk.directory)
            let client = try server.client()
            try ledger.open(client)
            let sale = CreateSaleEntry.open(2, stock: 40, holdMs: 3_600_000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let held = (0..<20).map { _ in
                let user = mint.user()
                return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 2, quantity: 1)
            }
            #expect(try client.order(held).allSatisfy { $0.code == .ok })
            try disk.arm(plan)
            let full = try eventually { try ledger.order(client, 400) } until: { $0.contains(.noSpace) }
            #expect(full != nil, "\(server.stderr)")
            #expect(full?.allSatisfy { $0 == .ok || $0 == .noSpace } == true)
            #expect(server.stderr.contains("the next log segment cannot be made"), "\(server.stderr)")
            for (index, order) in held.enumerated() {
                let ended = try index % 2 == 0 ? client.confirm(order.orderId) : client.cancel(order.orderId)
                #expect(ended.code == .ok, "hold \(index): \(ended.code)")
            }
            disk.heal()
            let resumed = try eventually { try ledger.order(client, 1) } until: { $0 == [.ok] }
            #expect(resumed != nil, "\(server.stderr)")
            try ledger.expectKept(client)
            server.kill(SIGKILL)
            server.wait()
            let again = try faultServer(in: disk.directory)
            let other = try again.client()
            try ledger.expectKept(other)
            let ended = try other.getSale(2)
            #expect(ended.sold == 10 && ended.held == 0 && ended.available == 30)
            stop(again)
        }

        /// A disk that hangs: what has to be on it waits, for as long as that takes; reads, and refusals that depend
        /// on no record, are answered meanwhile; nothing is lost.
        @Test(arguments: [1, 2]) func aDiskThatHangsHoldsBackAnswersAndNothingElse(_ shards: Int) throws {
            let disk = try FailingDisk()
            var ledger = Ledger(stock: 500, seed: 4)
            var mint = IdMint(seed: 5)
            let server = try faultServer(["--shards", "\(shards)"], in: disk.directory)
            let client = try server.client()
            try ledger.open(client)
            try ledger.order(client)
            let soldOut = CreateSaleEntry.open(2, stock: 1, operationId: mint.catalogueId())
            #expect(try client.createSale(soldOut).code == .ok)
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: 2).code == .ok)

            try disk.arm(FailingDisk.Plan(operation: .write, name: FailingDisk.segments, what: .hang))
            let orders = ledger.draw(50)
            let waiting = try orders.map { order in try client.send(.order, [order]) }
            #expect(eventually({ (try? disk.hits()[0].failed) ?? 0 }, until: { $0 > 0 }) != nil)
            let reader = try server.client()
            for _ in 0..<20 {
                let other = mint.user()
                #expect(try reader.order(mint.id(user: other), user: other, sale: 2).code == .soldOut)
                #expect(try reader.order(mint.id(user: other), user: other, sale: 77).code == .notFound)
                #expect(try reader.getSale(2).available == 0)
                #expect(try reader.ping(nonce: 8).nonce == 8)
            }
            // Not one answer has come, and none of the orders shows, as a crash could still undo it.
            #expect(throws: ClientFault.timedOut) {
                try client.receive(waiting[0], until: .now + .milliseconds(300))
            }
            #expect(throws: ClientFault.timedOut) {
                _ = try reader.call(
                    .getOrder, OrderIdEntry.pack([OrderIdEntry(orderId: orders[0].orderId)]),
                    until: .now + .milliseconds(300))
            }
            disk.heal()
            for (order, request) in zip(orders, waiting) {
                let results: [OrderResult] = try client.receive(request).results()
                #expect(results[0].code == .ok)
                ledger.note([order], results)
            }
            try ledger.expectKept(client)
            server.kill(SIGKILL)
            server.wait()
            let again = try faultServer(["--shards", "\(shards)"], in: disk.directory)
            let other = try again.client()
            try ledger.expectKept(other)
            try ledger.sellOut(other)
            stop(again)
        }

        /// Killed while its write hangs: it was not answered, and may be there or not.
        @Test func killedWhileTheDiskHangs() throws {
            let disk = try FailingDisk()
            var ledger = Ledger(stock: 500, seed: 6)
            for round in 0..<3 {
                let server = try faultServer(in: disk.directory)
                let client = try server.client()
                if round == 0 { try ledger.open(client) }
                try ledger.order(client)
                try disk.arm(FailingDisk.Plan(operation: .write, name: FailingDisk.segments, what: .hang))
                for order in ledger.draw(20) { try client.send(.order, [order]) }
                #expect(eventually({ (try? disk.hits()[0].failed) ?? 0 }, until: { $0 > 0 }) != nil)
                server.kill(SIGKILL)
                disk.heal()
                #expect(server.wait() == .killed(signal: SIGKILL))
            }
            let server = try faultServer(in: disk.directory)
            let client = try server.client()
            try ledger.expectKept(client)
            try ledger.sellOut(client)
            stop(server)
        }

        /// A snapshot that cannot be written is not one: the log goes on, the next start reads it, and a later
        /// snapshot is made when the disk is well.
        @Test(arguments: [
            FailingDisk.Plan(operation: .write, name: "snapshot-*", skip: 1, what: .EIO),
            FailingDisk.Plan(operation: .write, name: "snapshot-*", what: .ENOSPC),
            FailingDisk.Plan(operation: .sync, name: "snapshot-*", what: .EIO),
            FailingDisk.Plan(operation: .rename, name: "snapshot-*", what: .EIO),
            FailingDisk.Plan(operation: .read, name: "snapshot-*", what: .EIO),
            FailingDisk.Plan(operation: .rename, name: "MANIFEST*", what: .EIO),
            FailingDisk.Plan(operation: .write, name: "MANIFEST*", what: .EIO),
        ])
        func aSnapshotThatFailsCostsNothing(_ plan: FailingDisk.Plan) throws {
            let disk = try FailingDisk()
            var ledger = Ledger(stock: 2000, seed: 7)
            let server = try faultServer(["--snapshot-after", "0KiB"], in: disk.directory)
            let client = try server.client()
            try ledger.open(client)
            for _ in 0..<5 { try ledger.order(client, 100) }
            try disk.arm(plan)
            #expect(throws: ClientFault.refused(.failed, retryAfterMs: 0)) { try client.snapshot() }
            #expect(server.stderr.contains("no snapshot could be made"), "\(server.stderr)")
            #expect(try disk.hits()[0].failed > 0)
            try ledger.order(client)
            server.kill(SIGKILL)
            server.wait()
            disk.heal()
            let again = try faultServer(["--snapshot-after", "0KiB"], in: disk.directory)
            let other = try again.client()
            try ledger.expectKept(other)
            #expect(try other.snapshot().code == .ok)
            try ledger.order(other)
            again.kill(SIGKILL)
            again.wait()
            let last = try faultServer(in: disk.directory)
            try ledger.expectKept(try last.client())
            stop(last)
        }

        /// A start that cannot read or write what it must ends with a sentence, changes nothing, and the next one is
        /// whole.
        @Test(arguments: [
            (FailingDisk.Plan(operation: .read, name: FailingDisk.segments, skip: 2, what: .EIO), "Input/output error"),
            (FailingDisk.Plan(operation: .read, name: "MANIFEST", what: .EIO), "Input/output error"),
            (FailingDisk.Plan(operation: .open, name: "LOCK", what: .EROFS), "mounted read-only"),
            (FailingDisk.Plan(operation: .sync, name: FailingDisk.segments, what: .EIO), "Input/output error"),
        ])
        func aStartThatFailsSaysWhy(_ plan: FailingDisk.Plan, _ words: String) throws {
            let disk = try FailingDisk()
            var ledger = Ledger(stock: 2000, seed: 8)
            let server = try faultServer(in: disk.directory)
            try ledger.open(try server.client())
            for _ in 0..<5 { try ledger.order(try server.client(), 100) }
            server.kill(SIGKILL)
            server.wait()
            try disk.arm(plan)
            let refused = refusal(in: disk.directory)
            #expect(refused.status == .exited(plan.operation == .sync ? fatalExitCode : 1), "\(refused)")
            #expect(refused.line.contains(words), "\(refused)")
            disk.heal()
            let again = try faultServer(in: disk.directory)
            let other = try again.client()
            try ledger.expectKept(other)
            try ledger.sellOut(other)
            stop(again)
        }
    }
}

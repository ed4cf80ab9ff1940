import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// A server that stands still in the middle of everything (SIGSTOP, as a debugger, a frozen container or a
    /// machine that is moved makes it), and goes on.
    @Suite(.serialized) struct Pause {
        /// Clients wait, or give up and ask again with the same ids; nothing is lost and nothing happens twice.
        @Test(arguments: [(shards: 1, fsync: "always"), (shards: 2, fsync: "always"), (shards: 2, fsync: "everysec")])
        func stoppedUnderLoad(_ shards: Int, _ fsync: String) throws {
            let directory = TemporaryDirectory()
            let server = try faultServer(["--shards", "\(shards)", "--fsync", fsync], in: directory)
            var ledger = Ledger(stock: 4000, seed: 1)
            let client = try server.client(.tcp)
            try ledger.open(client)
            for _ in 0..<4 {
                // Many frames under way, and in the middle of them it stops.
                var waiting: [(orders: [OrderEntry], request: UInt64)] = []
                for frame in 0..<40 {
                    let orders = ledger.draw(20)
                    waiting.append((orders, try client.send(.order, orders)))
                    if frame == 20 { server.pause() }
                }
                // What it had answered arrives; then nothing does, until it goes on.
                var answered = 0
                do {
                    while answered < waiting.count {
                        let (orders, request) = waiting[answered]
                        ledger.note(orders, try client.receive(request, until: .now + .milliseconds(200)).results())
                        answered += 1
                    }
                } catch ClientFault.timedOut {}
                #expect(answered < waiting.count, "it does not stand still")
                // Somebody who gives up: the kernel takes the connection, nobody answers.
                let impatient = try server.connect(.tcp, timeoutMs: 200)
                #expect(throws: ClientFault.timedOut) { try impatient.handshake() }
                impatient.close()
                server.resume()
                let again = try server.client()
                for (orders, request) in waiting[answered...] {
                    // Both at once: over the connection that waited, and anew over another.
                    ledger.note(orders, try again.order(orders))
                    let late: [OrderResult] = try client.receive(request).results()
                    for (order, result) in zip(orders, late) where ledger.accepted[order.orderId] != nil {
                        #expect(result.code == .ok && result.createdAtMs == ledger.accepted[order.orderId]?.createdAtMs)
                    }
                }
                try ledger.expectKept(client)
            }
            try ledger.sellOut(client)
            server.kill(SIGKILL)
            server.wait()
            let last = try faultServer(["--shards", "\(shards)", "--fsync", fsync], in: directory)
            try ledger.expectKept(try last.client())
            stop(last)
        }

        /// The time jumps for it. A hold that ends meanwhile ends, and its units sell again; a payment that waited,
        /// and comes late now, is kept, since there is stock for it. Time does not run backwards.
        @Test func holdsThatEndMeanwhile() throws {
            let directory = TemporaryDirectory()
            let server = try faultServer(in: directory)
            let client = try server.client()
            var mint = IdMint(seed: 2)
            let sale = CreateSaleEntry.open(1, stock: 3, holdMs: 1000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            var held: [Id128] = []
            for _ in 0..<2 {
                let user = mint.user()
                held.append(mint.id(user: user))
                #expect(try client.order(held[held.count - 1], user: user, sale: 1).code == .ok)
            }
            let beforeMs = try client.topology().nowMs
            server.pause()
            let confirm = try client.send(.confirm, [OrderIdEntry(orderId: held[0])])
            #expect(throws: ClientFault.timedOut) { try client.receive(confirm, until: .now + .milliseconds(1500)) }
            server.resume()
            let paid: [OrderViewResult] = try client.receive(confirm).results()
            #expect(paid[0].code == .ok && paid[0].state == OrderState.confirmed.rawValue, "\(paid[0])")
            #expect(try client.topology().nowMs >= beforeMs + 1500)
            let other = mint.user()
            let sold = try eventually { try client.order(mint.id(user: other), user: other, sale: 1).code } until: {
                $0 == .ok
            }
            #expect(sold != nil)
            #expect(try client.getOrder(held[1]).state == OrderState.expired.rawValue)
            let end = try client.getSale(1)
            #expect(end.sold == 1 && end.sold + end.held + end.available == 3, "\(end)")
            stop(server)
        }
    }
}

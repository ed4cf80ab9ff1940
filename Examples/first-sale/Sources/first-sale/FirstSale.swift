// first-sale: a sale from its creation to a refund, and a rush at its end.
//
//     swift run first-sale [ADDRESS]          127.0.0.1:7070 unless told otherwise; also unix:PATH

import TimesaleClient

@main
struct FirstSale {
    static func main() async throws {
        let text = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:7070"
        guard let address = ClientConfiguration.Address(text) else {
            print("first-sale: \(text) is no address; write HOST:PORT or unix:PATH")
            return
        }
        let client: TimesaleClient
        do throws(TimesaleError) {
            client = try await .connect(to: address)
        } catch {
            print("first-sale: \(error). Is a server running there? `make run` starts one.")
            return
        }
        try await sell(client)
        await client.shutdown()
    }

    static func sell(_ client: TimesaleClient) async throws {
        // A sale of 100 lamps, at most two for each of us, held for a minute until they are paid.
        let sale = try await client.createSale(
            NewSale(
                id: SaleID(.random(in: 1 ... .max)), name: "Lamps", stock: 100, perUserLimit: 2,
                holdMs: 60_000,
                unitPrice: 4_900))
        print("created: \(sale.name), \(sale.stock) units, sale \(sale.id)")

        // The id is chosen before the first attempt. Whatever happens on the way, the same id is the same order.
        let alice: UserID = 42
        let id = OrderID.mint(for: alice)
        let held = try await client.order(sale: sale.id, user: alice, quantity: 2, id: id)
        print("held: order \(held.id), \(held.quantity) units")
        let again = try await client.order(sale: sale.id, user: alice, quantity: 2, id: id)
        print("sent again: a repeat is \(again.isRepeat), and nothing was taken twice")

        // Refusals are errors with a code.
        do throws(TimesaleError) {
            try await client.order(sale: sale.id, user: alice)
        } catch .refused(.limitExceeded, _) {
            print("a third lamp: refused, two for each")
        }

        try await client.confirm(id)
        print("paid: the order is \(try await client.order(id).state)")

        // A rush: a thousand people, each with a call of their own. The client puts them into common frames.
        let outcomes = await withTaskGroup(of: String.self) { group in
            for user in 1_000..<2_000 {
                group.addTask {
                    do throws(TimesaleError) {
                        try await client.order(sale: sale.id, user: UserID(UInt64(user)))
                        return "got one"
                    } catch .refused(let code, _) {
                        return code.name
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        print(
            "the rush: \(outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))"
        )
        print("sent: \(client.status.entriesSent) calls in \(client.status.framesSent) frames")

        // A refund. The units sell again.
        try await client.cancel(id)
        let now = try await client.sale(sale.id)
        print(
            "after a refund: \(now.available) available, \(now.held) held, \(now.sold) sold, of \(now.stock)")
        try await client.close(sale.id)
    }
}

import Foundation
import Protocol
import TestSupport
import Testing

@testable import Generator
@testable import Harness

/// Shows that an order means the same to every contestant, by the same orders to real servers: a rate is comparable
/// only if what is done for it is.
@Suite(.serialized) struct ContestantTests {
    enum Kind: String, CaseIterable, CustomStringConvertible {
        case timesale, redis, postgresql

        var description: String { rawValue }
    }

    private let directory = TemporaryDirectory()

    private var settings: ContestSettings {
        var settings = ContestSettings()
        settings.directory = directory.path
        (settings.serverCPU, settings.generatorCPU) = (-1, -1)
        return settings
    }

    private func contestant(_ kind: Kind) throws -> any Contestant {
        switch kind {
        case .timesale:
            let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("timesaled")
            var settings = ServerUnderTest.Settings(executable: executable.path)
            settings.directory = directory.path
            return TimesaleContestant(Trial(settings: settings))
        case .redis:
            let executable = try #require(Installed.redisServer(), "make setup installs redis-server")
            return RedisContestant(.always, executable: executable, settings: settings)
        case .postgresql:
            // Its server runs as another user if the tests run as root.
            chmod(directory.path, 0o755)
            let programs = try #require(Installed.postgreSQLPrograms(), "make setup installs postgresql")
            return PostgreSQLContestant(programs: programs, settings: settings)
        }
    }

    /// Orders in requests of their own, one after the other.
    private final class Buyer {
        private var connection: GeneratorConnection
        private let wire: (any OrderWire)?
        private let terms: SaleTerms

        init(_ server: any ContestantServer, _ plan: LoadPlan, _ terms: SaleTerms) throws {
            var plan = plan
            server.aim(&plan)
            wire = plan.wire
            self.terms = terms
            connection = try GeneratorConnection(plan, shard: 0xffff)
        }

        deinit { connection.close() }

        func entry(_ order: UInt64, user: UInt64, _ quantity: UInt32) -> OrderEntry {
            let user = Id128(high: 0, low: user)
            let id = Id128.version7(
                timeMs: MonotonicClock.wallMs(), partition: Partition.of(user: user), random: Partition.mix(order))
            return OrderEntry(orderId: id, userId: user, saleId: terms.sale, quantity: quantity)
        }

        func send(_ orders: [OrderEntry]) throws -> OrderTally {
            try wire.map { try send(orders, $0) } ?? sendFrame(orders)
        }

        /// The code of a single order.
        func code(_ order: OrderEntry) throws -> UInt16 {
            let tally = try send([order])
            return tally.accepted == 1 ? 0 : tally.refused.first?.key ?? 0xffff
        }

        private func send(_ orders: [OrderEntry], _ wire: any OrderWire) throws -> OrderTally {
            let request = withUnsafeTemporaryAllocation(
                byteCount: orders.count * OrderEntry.sizeBytes, alignment: 16
            ) { entries in
                for (index, order) in orders.enumerated() {
                    order.store(to: entries.baseAddress! + index * OrderEntry.sizeBytes)
                }
                let room = wire.requestBytesMax(orders: orders.count)
                return withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { bytes in
                    let length = wire.writeRequest(
                        entries.baseAddress!, count: orders.count, nowMs: MonotonicClock.wallMs(),
                        to: bytes.baseAddress!)
                    return Array(bytes[..<length])
                }
            }
            let socket = BlockingSocket(connection.socket)
            try socket.send(request)
            var reply: [UInt8] = []
            while true {
                try socket.receive(into: &reply)
                var tally = OrderTally()
                var fault: (any Error)?
                let length = reply.withUnsafeBytes { bytes in
                    do {
                        return try wire.readReply(bytes.baseAddress!, count: bytes.count, into: &tally)
                    } catch {
                        fault = error
                        return 0
                    }
                }
                if let fault { throw fault }
                if length > 0 { return tally }
            }
        }

        private func sendFrame(_ orders: [OrderEntry]) throws -> OrderTally {
            let length = Frame.headerSizeBytes + orders.count * OrderEntry.sizeBytes
            let frame = connection.reserve(length)
            for (index, order) in orders.enumerated() {
                order.store(to: frame + Frame.headerSizeBytes + index * OrderEntry.sizeBytes)
            }
            FrameHeader.seal(
                frame, operation: Operation.order.rawValue, requestId: 1, count: orders.count, lengthBytes: length)
            let header = try connection.call(length)
            var tally = OrderTally()
            for index in 0..<header.count {
                let results = UnsafeRawPointer(connection.inBytes) + Frame.headerSizeBytes
                let result = results + index * OrderResult.sizeBytes
                tally.add(result.loadLE(0))
            }
            return tally
        }
    }

    private func plan(batch: Int = 1) -> LoadPlan {
        var plan = LoadPlan(address: .tcp(port: 0))
        (plan.connections, plan.batch, plan.users, plan.seconds) = (1, batch, 1000, 0.1)
        return plan
    }

    private func start(_ kind: Kind, _ terms: SaleTerms, batch: Int = 1) throws -> (Buyer, any ContestantServer) {
        let plan = plan(batch: batch)
        let server = try contestant(kind).start(plan, terms: terms)
        do {
            return (try Buyer(server, plan, terms), server)
        } catch {
            server.stop()
            throw error
        }
    }

    @Test(arguments: Kind.allCases) func refusesInTheSameCases(_ kind: Kind) throws {
        var terms = SaleTerms()
        (terms.stock, terms.perUserLimit) = (5, 2)
        let (buyer, server) = try start(kind, terms)
        defer { server.stop() }
        let first = buyer.entry(1, user: 1, 1)
        #expect(try buyer.code(first) == 0)
        #expect(try buyer.code(first) == 0, "a repeated order gets the first answer")
        #expect(try server.sold(terms) == Sold(units: 1, orders: 1))
        var other = first
        other.quantity = 2
        #expect(try buyer.code(other) == 21, "its id stands for another order")

        #expect(try buyer.code(buyer.entry(2, user: 1, 2)) == 33)
        #expect(try buyer.code(buyer.entry(3, user: 1, 1)) == 0, "what was refused took nothing of the limit")
        #expect(try buyer.code(buyer.entry(4, user: 2, 3)) == 33, "the limit holds for one order as well")
        #expect(try buyer.code(buyer.entry(5, user: 2, 2)) == 0)
        #expect(try server.sold(terms) == Sold(units: 4, orders: 3))

        let tooMuch = buyer.entry(6, user: 3, 2)
        #expect(try buyer.code(tooMuch) == 32, "one is left, two are wanted")
        #expect(try buyer.code(tooMuch) == 32, "what was refused is not remembered")
        #expect(try buyer.code(buyer.entry(7, user: 3, 1)) == 0, "nor does it take anything")
        #expect(try buyer.code(buyer.entry(8, user: 4, 1)) == 32)
        #expect(try buyer.code(buyer.entry(9, user: 1, 1)) == 33, "the limit is looked at before the stock")
        #expect(try buyer.code(first) == 0)
        #expect(try server.sold(terms) == Sold(units: 5, orders: 4))
    }

    @Test(arguments: Kind.allCases) func batchesAreTheSameOneAfterTheOther(_ kind: Kind) throws {
        var terms = SaleTerms()
        (terms.stock, terms.perUserLimit) = (7, 2)
        let (buyer, server) = try start(kind, terms, batch: 8)
        defer { server.stop() }
        func tally(_ accepted: UInt64, _ refused: [UInt16: UInt64]) -> OrderTally {
            var tally = OrderTally()
            (tally.accepted, tally.refused) = (accepted, refused)
            return tally
        }
        let whole = [buyer.entry(1, user: 1, 1), buyer.entry(2, user: 2, 1), buyer.entry(3, user: 1, 1)]
        #expect(try buyer.send(whole) == tally(3, [:]))
        #expect(try buyer.send(whole) == tally(3, [:]), "a repeated batch gets the first answer")
        #expect(try server.sold(terms) == Sold(units: 3, orders: 3))

        let twice = buyer.entry(4, user: 3, 1)
        var reused = twice
        reused.quantity = 2
        let mixed = [
            twice, buyer.entry(5, user: 1, 1), twice, reused, buyer.entry(6, user: 3, 1), buyer.entry(7, user: 3, 1),
            whole[0],
        ]
        #expect(try buyer.send(mixed) == tally(4, [33: 2, 21: 1]))
        #expect(try server.sold(terms) == Sold(units: 5, orders: 5))

        let last = [buyer.entry(8, user: 4, 2), buyer.entry(9, user: 5, 1), buyer.entry(10, user: 6, 2)]
        #expect(try buyer.send(last) == tally(1, [32: 2]))
        #expect(try buyer.send([buyer.entry(11, user: 5, 1), buyer.entry(12, user: 1, 1)]) == tally(0, [32: 1, 33: 1]))
        #expect(try server.sold(terms) == Sold(units: 7, orders: 6))
    }

    @Test(arguments: Kind.allCases, [1, 8]) func sellsNothingBeforeItStarts(_ kind: Kind, _ batch: Int) throws {
        let nowMs = MonotonicClock.wallMs()
        var terms = SaleTerms()
        (terms.startsAtMs, terms.endsAtMs) = (nowMs + 3_600_000, nowMs + 7_200_000)
        let (buyer, server) = try start(kind, terms, batch: batch)
        defer { server.stop() }
        let orders = (1...UInt64(batch)).map { buyer.entry($0, user: $0, 1) }
        let early = try buyer.send(orders)
        #expect(early.accepted == 0 && early.refused == [34: UInt64(batch)])
        #expect(try server.sold(terms) == Sold(units: 0, orders: 0))
    }

    @Test(arguments: Kind.allCases, [1, 8]) func sellsNothingOnceItHasEnded(_ kind: Kind, _ batch: Int) throws {
        // Long enough for a server to start, or it is tried again with more.
        for seconds: UInt64 in [4, 20, 100] {
            var terms = SaleTerms()
            terms.endsAtMs = MonotonicClock.wallMs() + 1000 * seconds
            guard let (buyer, server) = try? start(kind, terms, batch: batch) else { continue }
            defer { server.stop() }
            let first = (1...UInt64(batch)).map { buyer.entry($0, user: $0, 1) }
            guard try buyer.send(first).accepted == UInt64(batch) else { continue }
            let sold = try buyUntilRefused(buyer, terms, batch: UInt64(batch), code: 35) + UInt64(batch)
            // A server's clock may be some milliseconds ahead of a coarse one.
            #expect(MonotonicClock.wallMs() + 20 >= terms.endsAtMs)
            #expect(try buyer.send(first).accepted == UInt64(batch), "what was accepted stays so")
            #expect(try server.sold(terms) == Sold(units: sold, orders: sold))
            return
        }
        Issue.record("no server starts")
    }

    /// Orders until all of a batch are refused, with `code`; answers how many were accepted.
    private func buyUntilRefused(
        _ buyer: Buyer, _ terms: SaleTerms, batch: UInt64, code: UInt16
    ) throws -> UInt64 {
        var (next, sold) = (batch, UInt64(0))
        while true {
            let orders = (1...batch).map { buyer.entry(next + $0, user: $0, 1) }
            next += batch
            let isLate = MonotonicClock.wallMs() > terms.endsAtMs + 10_000
            let tally = try buyer.send(orders)
            sold += tally.accepted
            if tally.refused[code] == batch { return sold }
            try #require(tally.refused.keys.allSatisfy { $0 == code } && !isLate, "\(tally)")
        }
    }

    // MARK: Bouts

    private func bout(_ load: LoadCase) -> Bout {
        Bout(load, seconds: 0.1, users: 200, seed: 5, settings: settings)
    }

    @Test(arguments: Kind.allCases, [1, 16]) func aLoadIsCountedAndChecked(_ kind: Kind, _ batch: Int) throws {
        let load = LoadCase(name: "small", connections: 3, depth: 4, batch: batch)
        let result = try bout(load).run(try contestant(kind))
        #expect(result.acceptedInAll > 0 && result.acceptedInAll % UInt64(batch) == 0)
        #expect(result.serverCPU > 0 && result.generatorCPU > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
    }

    /// A contestant that forgets an order.
    private struct Forgetful: Contestant {
        let name = "forgetful"
        let real: any Contestant

        func start(_ plan: LoadPlan, terms: SaleTerms) throws -> any ContestantServer {
            Server(try real.start(plan, terms: terms))
        }

        private final class Server: ContestantServer {
            let real: any ContestantServer

            init(_ real: any ContestantServer) { self.real = real }

            func aim(_ plan: inout LoadPlan) { real.aim(&plan) }
            var cpuSeconds: Double { real.cpuSeconds }
            func stop() { real.stop() }
            func sold(_ terms: SaleTerms) throws -> Sold {
                let sold = try real.sold(terms)
                return Sold(units: sold.units, orders: sold.orders - 1)
            }
        }
    }

    @Test func aContestantThatForgetsFails() throws {
        let load = LoadCase(name: "small", connections: 2, depth: 1, batch: 1)
        let fault = #expect(throws: LoadError.self) {
            try self.bout(load).run(Forgetful(real: try self.contestant(.redis)))
        }
        #expect(fault?.description.contains("forgetful accepted") == true)
    }

    @Test func aContestantThatRefusesFails() throws {
        let load = LoadCase(name: "small", connections: 2, depth: 1, batch: 1)
        var bout = bout(load)
        bout.terms.stock = 10
        let fault = #expect(throws: LoadError.self) { try bout.run(try self.contestant(.redis)) }
        #expect(fault?.description.contains("with code 32") == true)
    }
}

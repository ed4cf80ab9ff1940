import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing
import TimesaleClient

extension FaultTests {
    /// A network between client and server that is cut in the middle of everything and heals, or is slow: a network
    /// namespace with the server in it, and a link to it.
    @Suite(.serialized, .enabled(if: Link.isPossible, "no right to make a network namespace")) struct Links {
        /// The client library goes on by itself, with the same ids: each call ends with its order, each order is there
        /// once, and the sale counts them to the unit.
        @Test(arguments: [nil, "4mbit"]) func aLinkThatIsCutAndHeals(_ rate: String?) async throws {
            let link = try Link()
            if let rate { try link.slowDown(rate) }
            let directory = TemporaryDirectory()
            let tokens = TokenList(["shop", "admin"])
            let arguments = ["--shards", "2", "--token-file", try tokens.write(in: directory)]
            let server = try link.server(arguments, in: directory)
            let admin = try server.client(token: tokens["admin"])
            var mint = IdMint(seed: 1)
            #expect(try admin.createSale(.open(1, stock: 150_000, operationId: mint.catalogueId())).code == .ok)

            var configuration = ClientConfiguration(.tcp(host: link.farAddress, port: try link.port(of: server)))
            configuration.token = tokens["shop"]
            configuration.timeoutMs = 120_000
            // A cut is noticed by silence alone: nothing tells that packets are lost.
            configuration.silenceMaxMs = 200
            configuration.connectTimeoutMs = 200
            let client = try await TimesaleClient.connect(configuration)
            let rush = Rush()
            let cuts = Task {
                for round in 0..<4 {
                    try await Task.sleep(for: .milliseconds(150))
                    try link.cut(atNearEnd: round % 2 == 0)
                    try await Task.sleep(for: .milliseconds(350))
                    try link.heal()
                }
                try await Task.sleep(for: .milliseconds(150))
                rush.isOver.store(true, ordering: .releasing)
            }
            try await withThrowingTaskGroup(of: Void.self) { buyers in
                for buyer in 0..<40 {
                    buyers.addTask {
                        var count: UInt64 = 0
                        while !rush.isOver.load(ordering: .acquiring) {
                            let user = UserID(UInt64(buyer) << 32 | count + 1)
                            count += 1
                            let id = OrderID.mint(for: user)
                            let order = try await client.order(sale: 1, user: user, id: id)
                            #expect(order.id == id && order.user == user)
                            rush.placed.withLock { $0.append(id) }
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                }
                try await cuts.value
                try await buyers.waitForAll()
            }
            let status = client.status
            #expect(status.retries > 0 || status.connectionsOpened > 2, "no cut was felt: \(status)")
            // Again, over the link: each is a repeat of what was decided.
            let ids = rush.placed.withLock { $0 }
            for id in ids.prefix(100) { #expect(try await client.order(id).id == id) }
            await client.shutdown()
            #expect(ids.count > 100 && Set(ids).count == ids.count)
            let sale = try admin.getSale(1)
            #expect(sale.sold == UInt64(ids.count) && sale.held == 0, "\(sale), placed \(ids.count)")
            stop(server)
        }
    }
}

/// What the buyers of one test share.
private final class Rush: Sendable {
    let isOver = Atomic(false)
    let placed = Mutex<[OrderID]>([])
}

/// A link to a network namespace of its own: packets to the far end come to whoever runs there, as long as it is up.
private final class Link: Sendable {
    let farAddress: String
    private let nearAddress: String
    private let name: String
    private var near: String { name + "a" }
    private var far: String { name + "b" }

    static let isPossible = (try? Link()) != nil

    struct Fault: Error, CustomStringConvertible { let description: String }

    init() throws {
        // Names are those of the machine, at most 15 bytes; the addresses are for tests of networks (RFC 2544).
        let number = UInt16.random(in: 0..<(1 << 14))
        name = "ts\(UInt32.random(in: .min ... .max))"
        nearAddress = "198.18.\(number >> 6).\((number & 0x3f) << 2 | 1)"
        farAddress = "198.18.\(number >> 6).\((number & 0x3f) << 2 | 2)"
        try Self.ip("netns", "add", name)
        do {
            try Self.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            try Self.ip("address", "add", nearAddress + "/30", "dev", near)
            try Self.ip("-n", name, "address", "add", farAddress + "/30", "dev", far)
            try Self.ip("-n", name, "link", "set", "lo", "up")
            try heal()
        } catch {
            _ = try? Self.ip("netns", "delete", name)
            throw error
        }
    }

    /// The link goes with its namespace.
    deinit {
        _ = try? Self.ip("link", "delete", near)
        _ = try? Self.ip("netns", "delete", name)
    }

    func heal() throws {
        try Self.ip("link", "set", near, "up")
        try Self.ip("-n", name, "link", "set", far, "up")
    }

    /// At the near end this machine knows that nothing leaves; cut at the far end, packets are lost.
    func cut(atNearEnd isNear: Bool) throws {
        if isNear {
            try Self.ip("link", "set", near, "down")
        } else {
            try Self.ip("-n", name, "link", "set", far, "down")
        }
    }

    /// So many bits a second at most in each direction, such as `4mbit` (tc-tbf(8)).
    func slowDown(_ rate: String) throws {
        let queue = ["root", "tbf", "rate", rate, "burst", "8kb", "latency", "400ms"]
        try Self.run("tc", ["qdisc", "add", "dev", near] + queue)
        try Self.run("tc", ["-n", name, "qdisc", "add", "dev", far] + queue)
    }

    /// A server at the far end.
    func server(_ arguments: [String], in directory: TemporaryDirectory) throws -> ServerProcess {
        let start = directory.path + "/start"
        let program = try ServerProcess.executablePath("timesaled")
        let absolute = URL(fileURLWithPath: program).path
        try "#!/bin/sh\nexec ip netns exec \(name) '\(absolute)' \"$@\"\n".write(
            toFile: start, atomically: true, encoding: .utf8)
        try #require(chmod(start, 0o700) == 0)
        return try ServerProcess(
            [
                "--listen", farAddress + ":0", "--users", "200000", "--orders", "200000", "--log-ahead", "0KiB",
            ] + arguments, in: directory, executable: start)
    }

    func port(of server: ServerProcess) throws -> Int {
        let address = try #require(server.addresses.first { $0.hasPrefix(farAddress + ":") })
        return try #require(Int(address.dropFirst(farAddress.count + 1)))
    }

    private static func ip(_ arguments: String...) throws { try run("ip", arguments) }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let run = try ToolRun(path: "/usr/bin/env", [tool] + arguments)
        guard run.status == 0 else { throw Fault(description: "\(tool) \(arguments): \(run.errors)") }
    }
}

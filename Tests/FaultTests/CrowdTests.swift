import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// Clients in great number that do nothing.
    @Suite(.serialized) struct Crowds {
        /// Ten thousand connections, as many as a server takes by default: each costs little memory, buyers are served
        /// meanwhile, one more is told by its end, and when they go nothing of them is left.
        @Test func tenThousandConnectionsThatDoNothing() throws {
            // Those of this process: a connection has an end here too.
            let countMax = try FaultTests.raiseDescriptorLimit(to: 12_000) - 1_000
            let count = min(10_000, countMax)
            if count < 10_000 { print("only \(count) connections: the limit on descriptors is low") }
            let directory = TemporaryDirectory()
            let server = try faultServer(["--connections", "\(count)", "--shards", "2"], in: directory)
            let buyer = try server.client()
            var ledger = Ledger(stock: 100_000, seed: 1)
            try ledger.open(buyer)
            try ledger.order(buyer)
            let descriptorsBefore = server.descriptorCount
            var residentBytes: [Int] = [server.residentBytes]
            for wave in 0..<2 {
                var crowd: [TestClient] = []
                for index in 0..<(count - 1) {
                    crowd.append(try server.client(index % 2 == 0 ? .unix : .tcp, shard: UInt16(index % 2)))
                    if index % 500 == 0 { try ledger.order(buyer) }
                }
                #expect(server.descriptorCount >= descriptorsBefore + count - 1)
                residentBytes.append(server.residentBytes)
                try server.connect().expectClosed()
                let words = "connection refused: \(count) are open (--connections)"
                let told = eventually { server.stderr.components(separatedBy: words).count } until: { $0 == wave + 2 }
                #expect(told != nil)
                for _ in 0..<20 { try ledger.order(buyer) }
                for client in crowd { client.close() }
                // A few files of the log may be open that were not.
                let gone = eventually { server.descriptorCount } until: { $0 <= descriptorsBefore + 8 }
                #expect(gone != nil, "\(server.descriptorCount - descriptorsBefore) descriptors are left")
                let left = try eventually { try buyer.stats().reduce(0) { $0 + $1.connections } } until: { $0 == 1 }
                #expect(left != nil, "connections remain")
            }
            let perConnection = (residentBytes[1] - residentBytes[0]) / count
            #expect(perConnection < 16 << 10, "\(perConnection) bytes for each that does nothing")
            // The second wave finds the memory of the first.
            #expect(residentBytes[2] - residentBytes[1] < 4 << 20, "\(residentBytes)")
            try ledger.expectKept(buyer)
            stop(server)
        }
    }

    /// The limit that this process has then; it keeps what it has where that is more.
    fileprivate static func raiseDescriptorLimit(to count: Int) throws -> Int {
        var limit = rlimit()
        let which = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        try #require(getrlimit(which, &limit) == 0)
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(count)))
        try #require(setrlimit(which, &limit) == 0)
        return Int(limit.rlim_cur)
    }
}

import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// `--tables resident` pays for the memory of orders and users at the start, so that no rush does.
    @Suite(.serialized) struct Tables {
        private static let users = 250_000
        private static let orders = 500_000

        /// Records of orders, users and limits, and the index of limits: DESIGN gives an entry of it 8 bytes at a
        /// load of three quarters. The other indexes are resident in either case.
        private static let tableBytes = orders * 64 + users * 64 + orders * 16 + orders * 4 / 3 * 8

        @Test(arguments: [1, 2]) func residentFromTheStart(_ shards: Int) throws {
            let sizes = ["--users", "\(Self.users)", "--orders", "\(Self.orders)", "--shards", "\(shards)"]
            var residentBytes: [String: Int] = [:]
            for tables in ["growing", "resident"] {
                let server = try smallServer(sizes + ["--tables", tables])
                residentBytes[tables] = server.residentBytes
                var bystander = try Bystander(server)
                for _ in 0..<50 { try bystander.order() }
                try bystander.expectUndisturbed()
                stop(server)
            }
            let resident = try #require(residentBytes["resident"])
            let growing = try #require(residentBytes["growing"])
            #expect(resident > Self.tableBytes, "\(resident) bytes at the start")
            // Growing tables have no more than what comes next: 16 MiB each at most, much of it shared out already.
            #expect(resident > growing, "\(growing) bytes at the start of one whose tables grow")
        }
    }
}

import Foundation
import TestSupport
import Testing

extension ServerTests {
    /// A service manager is told when the server is ready: systemd's Type=notify, sd_notify(3).
    @Suite(.serialized) struct Notices {
        /// A file's name, and one in the abstract namespace.
        @Test(arguments: [false, true]) func aServiceManagerIsToldOfTheReadiness(isAbstract: Bool) throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/notify"
            let manager = try Self.listen(isAbstract ? "\0" + path : path)
            defer { close(manager) }
            let server = try ServerProcess(
                ["--segment-size", "2MiB", "--log-ahead", "4MiB"],
                environment: ["NOTIFY_SOCKET": isAbstract ? "@" + path : path])
            // It was sent before the line that the start has waited for.
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = recv(manager, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1")
            #expect(recv(manager, &bytes, bytes.count, Int32(MSG_DONTWAIT)) < 0)
            stop(server)
        }

        @Test(arguments: ["", "elsewhere", "/nobody/listens", String(repeating: "/long", count: 50)])
        func aManagerThatIsNotThereStopsNothing(_ path: String) throws {
            let server = try ServerProcess(
                ["--segment-size", "2MiB", "--log-ahead", "4MiB"], environment: ["NOTIFY_SOCKET": path])
            stop(server)
        }

        private static func listen(_ path: String) throws -> Int32 {
            let name = Array(path.utf8)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
            let length = try #require(MemoryLayout.offset(of: \sockaddr_un.sun_path)) + name.count
            let manager = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let isBound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(manager, $0, socklen_t(length)) == 0 }
            }
            try #require(isBound)
            return manager
        }
    }
}

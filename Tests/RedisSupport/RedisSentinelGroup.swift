import Foundation
import Redis
import TestSupport

/// A master with a replica, and three sentinels that watch them. A loss that a test brings about is followed by a
/// failover within seconds, `whileLossesCount`; at all other times a server may be silent for minutes, so that a
/// machine that stands still for a moment does not make a failover that nobody asked for.
public final class RedisSentinelGroup: Sendable {
    public static let name = "shop"
    public let master: RedisProcess
    public let replica: RedisProcess
    public let sentinels: [RedisProcess]

    /// What `--redis-sentinel` takes.
    public var spelling: String {
        sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + "/\(Self.name)"
    }

    /// - Parameters:
    ///   - password: of the two servers; nil: none is needed.
    ///   - sentinelPassword: of the sentinels.
    public init(password: String? = nil, sentinelPassword: String? = nil) throws {
        let login = RedisCredentials(password: password.map { .bytes(Array($0.utf8)) })
        var lines = ["repl-diskless-sync-delay 0"]
        if let password { lines += ["requirepass \(password)", "masterauth \(password)"] }
        let master = try RedisProcess(lines, login: login)
        let replica = try RedisProcess(lines + ["replicaof 127.0.0.1 \(master.port)"], login: login)
        try replica.wait("the first sync of the replica") {
            guard case .array(let role)? = try? replica.run("ROLE") else { return false }
            return role.count > 3 && role[3].text == "connected"
        }
        var watch = [
            "sentinel monitor \(Self.name) 127.0.0.1 \(master.port) 2",
            "sentinel down-after-milliseconds \(Self.name) \(Self.patientMs)",
            "sentinel failover-timeout \(Self.name) 10000",
        ]
        if let password { watch.append("sentinel auth-pass \(Self.name) \(password)") }
        if let sentinelPassword {
            watch += ["requirepass \(sentinelPassword)", "sentinel sentinel-pass \(sentinelPassword)"]
        }
        let sentinelLogin = RedisCredentials(password: sentinelPassword.map { .bytes(Array($0.utf8)) })
        let group = try (0..<3).map { _ in try RedisProcess(watch, login: sentinelLogin) }
        for sentinel in group {
            // Two must agree, so each must know the others, and the replica that is to take over.
            try sentinel.wait("a sentinel's view of the group") {
                let state = try sentinel.run("SENTINEL", "MASTER", Self.name)
                return state.field("num-other-sentinels") == "2" && state.field("num-slaves") == "1"
            }
        }
        self.master = master
        self.replica = replica
        sentinels = group
    }

    /// How long a server is silent until a sentinel takes it for lost, where no loss is meant.
    private static let patientMs = 600_000
    /// The same where one is. A sentinel connects to a server once a second at most, and a failover cuts its
    /// connections: with one second in place of three the new master could be taken for lost at once.
    private static let alertMs = 3_000

    /// Brings about a loss and waits in `body` until its failover is over; sentinels look for losses only meanwhile.
    public func whileLossesCount(_ body: () throws -> Void) throws {
        try setDownAfter(Self.alertMs)
        try body()
        try setDownAfter(Self.patientMs)
    }

    private func setDownAfter(_ milliseconds: Int) throws {
        for sentinel in sentinels {
            try sentinel.mustRun("SENTINEL", "SET", Self.name, "down-after-milliseconds", "\(milliseconds)")
        }
    }

    /// Waits until every sentinel names this server as the master, and it is one.
    public func waitUntilMaster(_ server: RedisProcess) throws {
        try server.wait("the failover") { try isMaster(server) }
    }

    /// Whether every sentinel names this server as the master, and it is one.
    public func isMaster(_ server: RedisProcess) throws -> Bool {
        guard case .array(let role)? = try? server.run("ROLE"), role.first?.text == "master" else { return false }
        return try sentinels.allSatisfy {
            let named = try $0.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.name)
            return named == .array([.bytes(Array("127.0.0.1".utf8)), .bytes(Array("\(server.port)".utf8))])
        }
    }
}

extension RedisReply {
    /// The value behind a name in a flat list of names and values.
    public func field(_ name: String) -> String? {
        guard case .array(let parts) = self, let place = parts.firstIndex(where: { $0.text == name }) else {
            return nil
        }
        return place + 1 < parts.count ? parts[place + 1].text : nil
    }
}

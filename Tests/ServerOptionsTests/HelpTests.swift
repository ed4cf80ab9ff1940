import Redis
import Testing

@testable import ServerOptions
@testable import Settings

/// Shows that the help names every option and its default, so that none is added in secret, and ends with
/// exit code 0.
@Suite struct HelpTests {
    private func information(_ flag: String) throws -> String {
        let found = try #require(fault([flag]))
        #expect(found.exitCode == 0)
        return found.message
    }

    @Test func theHelpNamesEveryOption() throws {
        let help = try information("--help")
        for flag in Setting.allCases.map(\.flag) + ["--config", "--version", "--help"] {
            #expect(help.contains("\(flag) ") || help.contains("\(flag)\n"), "\(flag) is missing")
        }
        for title in ["CLIENTS:", "STORAGE:", "THREADS:", "CAPACITY:", "TIME:", "MESSAGES:", "REDIS:", "Examples:"] {
            #expect(help.contains(title))
        }
    }

    /// The texts of the help are written by hand: they must follow when a default changes.
    @Test func theHelpTellsTheDefaultsInForce() throws {
        let help = try information("--help").split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let options = Options()
        let redis = RedisSettings(place: .servers([]))
        let defaults: [Setting: String] = [
            .listen: options.listen[0].description, .connections: "\(options.connectionCountMax)",
            .queueDelay: "\(options.queueDelayMs)ms", .clientTimeout: "\(options.clientTimeoutMs / 1_000)s",
            .data: options.dataDirectory,
            .fsync: options.fsync.rawValue, .segmentSize: "\(options.segmentSizeBytes >> 20)MiB",
            .tables: options.tables.rawValue,
            .logAhead: "\(options.logAheadBytes >> 20)MiB",
            .snapshotAfter: "\(options.snapshotAfterBytes >> 30)GiB", .archive: "not kept",
            .shards: "\(options.shardCount)", .pin: "not pinned", .users: "\(options.userCountMax)",
            .orders: "\(options.orderCountMax)", .sales: "\(options.saleCountMax)",
            .transactions: "\(options.transactionCountMax)", .coupons: "\(options.couponCountMax)",
            .checkouts: "\(options.checkoutCountMax)",
            .retain: "\(options.retainMs / 86_400_000)d", .grace: "\(options.graceMs / 1_000)s",
            .logLevel: options.logLevel.rawValue, .redis: "no Redis", .redisSentinel: "no sentinels",
            .redisPasswordFile: "that of the address", .redisSentinelPasswordFile: "none",
            .redisPrefix: redis.prefix.isEmpty ? "nothing" : redis.prefix,
            .redisEvents: redis.writesEvents ? "on" : "off", .redisEventsMax: "\(redis.eventCountMax)",
            .redisFlush: "\(redis.flushMs)ms", .redisTimeout: "\(redis.timeoutMs / 1_000)s",
        ]
        #expect(Set(defaults.keys).symmetricDifference(Setting.allCases) == [.tokenFile])
        for (setting, text) in defaults {
            // The usage line of the option is the last place that names it; the examples come before.
            let mark = setting == .redisEvents ? "\(setting.flag) " : "\(setting.flag) <"
            let entry = try #require(help.ranges(of: mark).last)
            let stated = try #require(help[entry.upperBound...].firstMatch(of: /\(default: ([^)]*)\)/))
            #expect(stated.1 == text, "\(setting.flag)")
        }
    }

    @Test func theVersionIsPrinted() throws {
        #expect(try information("--version") == Version.current)
    }
}

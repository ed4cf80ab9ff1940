import Redis
import Testing

@testable import ServerOptions
@testable import Settings

/// Shows that flags win over the environment, the environment over the file, the file over the defaults, and
/// that every setting can be given in each of the three ways: each case gives a value that is not the
/// default.
@Suite struct PrecedenceTests {
    @Test func defaultsAreThoseOfTheHelp() throws {
        let options = try parse()
        #expect(options == Options())
        #expect(options.listen == [.tcp(host: "127.0.0.1", port: 7070)])
        #expect(options.fsync == .always)
        #expect(options.retainMs == 604_800_000)
        #expect(options.segmentSizeBytes == 67_108_864)
        #expect(options.logAheadBytes == 268_435_456)
    }

    @Test func theStrongestSourceWins() throws {
        try withDirectory { directory in
            let file = directory + "/timesale.json"
            try write(#"{"shards": 2, "users": 20, "orders": 200, "grace": "2s"}"#, to: file)
            let environment = ["TIMESALE_USERS": "30", "TIMESALE_ORDERS": "300", "TIMESALE_CONFIG": file]
            let options = try parse("--orders", "400", environment: environment)
            #expect(options.orderCountMax == 400)
            #expect(options.userCountMax == 30)
            #expect(options.shardCount == 2)
            #expect(options.graceMs == 2_000)
            #expect(options.saleCountMax == Options().saleCountMax)
            // The flag names another file than the environment: that of the environment is not read.
            try write(#"{"shards": 5}"#, to: directory + "/other.json")
            #expect(
                try parse("--config", directory + "/other.json", environment: environment).shardCount == 5)
        }
    }

    @Test func addressesOfASourceReplaceTheOthers() throws {
        let options = try parse(
            "--listen", "127.0.0.1:1", "--listen", "unix:a,b", environment: ["TIMESALE_LISTEN": "127.0.0.1:3"]
        )
        #expect(options.listen == [.tcp(host: "127.0.0.1", port: 1), .unix(path: "a,b")])
        let fromEnvironment = try parse(environment: ["TIMESALE_LISTEN": "127.0.0.1:3, unix:c"])
        #expect(fromEnvironment.listen == [.tcp(host: "127.0.0.1", port: 3), .unix(path: "c")])
    }

    struct Given: Sendable {
        let setting: Setting
        let text: String
        let json: String
        /// Flags without which the setting means nothing.
        var with: [String] = []
        let holds: @Sendable (Options) -> Bool
    }

    static let redis = ["--redis", "unix:r"]

    static let given: [Given] = [
        Given(setting: .listen, text: "[::1]:0", json: #"["[::1]:0"]"#) {
            $0.listen == [.tcp(host: "::1", port: 0)]
        },
        Given(setting: .tokenFile, text: "TOKENS", json: #""TOKENS""#) {
            $0.tokens == [Token(scope: .shop, bytes: Array("0123456789abcdef".utf8))]
        },
        Given(setting: .connections, text: "7", json: "7") { $0.connectionCountMax == 7 },
        Given(setting: .queueDelay, text: "1500ms", json: #""1500ms""#) { $0.queueDelayMs == 1_500 },
        Given(setting: .clientTimeout, text: "1500ms", json: #""1500ms""#) { $0.clientTimeoutMs == 1_500 },
        Given(setting: .data, text: "d", json: #""d""#) { $0.dataDirectory == "d" },
        Given(setting: .fsync, text: "everysec", json: #""everysec""#) { $0.fsync == .everysec },
        Given(setting: .tables, text: "resident", json: #""resident""#) { $0.tables == .resident },
        Given(setting: .logAhead, text: "2GiB", json: #""2GiB""#) { $0.logAheadBytes == 2 << 30 },
        Given(setting: .segmentSize, text: "3MiB", json: #""3MiB""#) { $0.segmentSizeBytes == 3 << 20 },
        Given(setting: .shards, text: "64", json: "64") { $0.shardCount == 64 },
        Given(setting: .pin, text: "5", json: "[5]") { $0.pinnedCPUs == [5] },
        Given(setting: .users, text: "8", json: "8") { $0.userCountMax == 8 },
        Given(setting: .orders, text: "9", json: #""9""#) { $0.orderCountMax == 9 },
        Given(setting: .sales, text: "10", json: "10") { $0.saleCountMax == 10 },
        Given(setting: .transactions, text: "11", json: "11") { $0.transactionCountMax == 11 },
        Given(setting: .coupons, text: "12", json: "12") { $0.couponCountMax == 12 },
        Given(setting: .checkouts, text: "13", json: "13") { $0.checkoutCountMax == 13 },
        Given(setting: .snapshotAfter, text: "14MiB", json: #""14MiB""#) { $0.snapshotAfterBytes == 14 << 20 },
        Given(setting: .archive, text: "old", json: #""old""#) { $0.archiveDirectory == "old" },
        Given(setting: .retain, text: "2h", json: #""2h""#) { $0.retainMs == 7_200_000 },
        Given(setting: .grace, text: "0s", json: #""0s""#) { $0.graceMs == 0 },
        Given(setting: .logLevel, text: "debug", json: #""debug""#) { $0.logLevel == .debug },
        Given(setting: .redis, text: "redis://h:1/2", json: #"["redis://h:1/2"]"#) {
            $0.redis == RedisSettings(place: .servers([RedisAddress(.tcp(host: "h", port: 1), database: 2)]))
        },
        Given(setting: .redisSentinel, text: "a:1,b:2/shop", json: #""a:1,b:2/shop""#) {
            let sentinels = RedisSentinels([.tcp(host: "a", port: 1), .tcp(host: "b", port: 2)], master: "shop")
            return $0.redis?.place == .sentinels(sentinels)
        },
        Given(setting: .redisPasswordFile, text: "TOKENS", json: #""TOKENS""#, with: redis) {
            guard case .servers(let addresses) = $0.redis?.place, case .file = addresses[0].credentials.password else {
                return false
            }
            return true
        },
        Given(
            setting: .redisSentinelPasswordFile, text: "TOKENS", json: #""TOKENS""#,
            with: ["--redis-sentinel", "h/shop?sentinel-user=me"]
        ) {
            guard case .sentinels(let sentinels) = $0.redis?.place,
                case .file = sentinels.sentinelCredentials.password
            else { return false }
            return sentinels.sentinelCredentials.user == "me" && sentinels.credentials == RedisCredentials()
        },
        Given(setting: .redisPrefix, text: "eu:", json: #""eu:""#, with: redis) { $0.redis?.prefix == "eu:" },
        Given(setting: .redisEvents, text: "on", json: #""on""#, with: redis) { $0.redis?.writesEvents == true },
        Given(setting: .redisEventsMax, text: "5000", json: "5000", with: redis) { $0.redis?.eventCountMax == 5_000 },
        Given(setting: .redisFlush, text: "1s", json: #""1s""#, with: redis) { $0.redis?.flushMs == 1_000 },
        Given(setting: .redisTimeout, text: "50ms", json: #""50ms""#, with: redis) { $0.redis?.timeoutMs == 50 },
    ]

    @Test func everySettingIsInTheTableAbove() {
        #expect(Set(Self.given.map(\.setting)) == Set(Setting.allCases))
    }

    @Test(arguments: given)
    func everySettingCanBeGivenInEachWay(_ given: Given) throws {
        try withDirectory { directory in
            let tokens = directory + "/tokens"
            try write("shop 0123456789abcdef\n", to: tokens)
            let text = given.text == "TOKENS" ? tokens : given.text
            let json = given.json.replacing("TOKENS", with: tokens)
            let file = directory + "/timesale.json"
            try write("{\"\(given.setting.rawValue)\": \(json)}", to: file)

            #expect(!given.holds(Options()), "the table gives a default, which shows nothing")
            // The one flag that has no value.
            let flag = given.setting == .redisEvents ? [given.setting.flag] : [given.setting.flag, text]
            #expect(given.holds(try Options.parse(arguments: given.with + flag, environment: [:])))
            let variables = [given.setting.environmentVariable: text]
            #expect(given.holds(try Options.parse(arguments: given.with, environment: variables)))
            #expect(given.holds(try Options.parse(arguments: given.with + ["--config", file], environment: [:])))
        }
    }

    @Test func anEmptyVariableCountsAsNotSet() throws {
        #expect(try parse(environment: ["TIMESALE_SHARDS": "", "TIMESALE_CONFIG": ""]) == Options())
    }
}

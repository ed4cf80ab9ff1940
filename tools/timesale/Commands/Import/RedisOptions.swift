import ArgumentParser
import Redis

/// Which Redis, as the server's options of these names say it.
package struct RedisOptions: ParsableArguments, Sendable {
    package init() {}

    @Option(
        help: ArgumentHelp(
            "redis://[USER:PASSWORD@]HOST[:PORT][/DB] or unix:PATH; of a cluster any node.", valueName: "url"))
    var redis: [String] = []

    @Option(
        help: ArgumentHelp(
            "The one that sentinels name: [USER:PASSWORD@]HOST:PORT,HOST:PORT/MASTER[/DB].", valueName: "address"))
    var redisSentinel: String?

    @Option(
        help: ArgumentHelp("The password for Redis: arguments can be seen by other users.", valueName: "file"),
        completion: .file())
    var redisPasswordFile: String?

    @Option(
        help: ArgumentHelp("The password for the sentinels, where they have one of their own.", valueName: "file"),
        completion: .file())
    var redisSentinelPasswordFile: String?

    /// Whether any of them was given.
    package var isGiven: Bool {
        !redis.isEmpty || redisSentinel != nil || redisPasswordFile != nil || redisSentinelPasswordFile != nil
    }

    /// Here and not while the arguments are parsed: the parser repeats a value that it refuses, and a password may
    /// be in it.
    package func place() throws -> RedisSettings.Place {
        guard redis.isEmpty != (redisSentinel == nil) else {
            throw Failure.usage("say where Redis is: --redis URL or --redis-sentinel ADDRESS, one of the two")
        }
        if let redisSentinel {
            var sentinels = try Self.read("--redis-sentinel", RedisSentinels.parse(redisSentinel), redisSentinel)
            try takePassword(&sentinels.credentials)
            if let redisSentinelPasswordFile {
                sentinels.sentinelCredentials.password = .file(path: redisSentinelPasswordFile)
            }
            return .sentinels(sentinels)
        }
        if redisSentinelPasswordFile != nil {
            throw Failure.usage("--redis-sentinel-password-file needs --redis-sentinel")
        }
        return .servers(
            try redis.map { text in
                var address = try Self.read("--redis", RedisAddress.parse(text), text)
                try takePassword(&address.credentials)
                return address
            })
    }

    private func takePassword(_ credentials: inout RedisCredentials) throws {
        guard let redisPasswordFile else { return }
        if credentials.password != nil {
            throw Failure.usage("the address holds a password, and --redis-password-file another: give one")
        }
        credentials.password = .file(path: redisPasswordFile)
    }

    private static func read<Value>(
        _ flag: String, _ result: Result<Value, RedisAddressFault>, _ text: String
    ) throws -> Value {
        do {
            return try result.get()
        } catch {
            throw Failure.usage("\(flag): \"\(RedisAddress.redacted(text))\" \(error.text)")
        }
    }
}

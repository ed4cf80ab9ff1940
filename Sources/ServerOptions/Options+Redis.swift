import Redis
import Settings

extension Options {
    /// What the options that begin with `--redis` come to; nil where none is given. No fault repeats an address: a
    /// password may be in it.
    static func readRedis(_ layers: SettingLayers<Setting>) throws(OptionsError) -> RedisSettings? {
        guard let place = try readPlace(layers) else {
            let dependent: [Setting] = [
                .redisPasswordFile, .redisSentinelPasswordFile, .redisPrefix, .redisEvents, .redisEventsMax,
                .redisFlush, .redisTimeout,
            ]
            if let lost = dependent.first(where: { layers.find($0) != nil }) {
                throw .configuration("\(lost.flag) without a Redis does nothing; give --redis URL or --redis-sentinel")
            }
            return nil
        }
        var settings = RedisSettings(place: place)
        settings.prefix = try layers.value(.redisPrefix, readPrefix) ?? settings.prefix
        let events: Switch? = try layers.value(.redisEvents, readName)
        settings.writesEvents = events == .on
        settings.eventCountMax =
            try layers.value(.redisEventsMax) { count($0, in: 1_000...1_000_000_000) } ?? settings.eventCountMax
        settings.flushMs =
            try layers.value(.redisFlush) { Quantities.durationMs($0, in: 1...60_000) } ?? settings.flushMs
        settings.timeoutMs =
            try layers.value(.redisTimeout) { Quantities.durationMs($0, in: 10...60_000) } ?? settings.timeoutMs
        return settings
    }

    private static func readPlace(_ layers: SettingLayers<Setting>) throws(OptionsError) -> RedisSettings.Place? {
        let addresses = try read(.redis, layers, RedisAddress.parse)
        let sentinels = try read(.redisSentinel, layers, RedisSentinels.parse)?.first
        let file = try layers.value(.redisPasswordFile, readPath)
        let sentinelFile = try layers.value(.redisSentinelPasswordFile, readPath)
        if addresses != nil, sentinels != nil {
            throw .configuration("--redis and --redis-sentinel both say where Redis is; give one")
        }
        if sentinelFile != nil, sentinels == nil, addresses != nil {
            throw .configuration("--redis-sentinel-password-file needs --redis-sentinel")
        }
        for path in [file, sentinelFile].compactMap({ $0 }) where addresses != nil || sentinels != nil {
            try checkPasswordFile(path)
        }
        if var addresses {
            for place in addresses.indices { try addresses[place].credentials.take(file, flag: "--redis") }
            if Set(addresses.map(\.endpoint)).count != addresses.count {
                throw .configuration("--redis names a server twice; give each node of a cluster once")
            }
            return .servers(addresses)
        }
        if var sentinels {
            try sentinels.credentials.take(file, flag: "--redis-sentinel")
            if let sentinelFile {
                sentinels.sentinelCredentials.password = .file(path: sentinelFile)
            } else if sentinels.sentinelCredentials.user != nil {
                throw .configuration("--redis-sentinel names a sentinel-user; give --redis-sentinel-password-file too")
            }
            return .sentinels(sentinels)
        }
        return nil
    }

    private static func read<Value>(
        _ setting: Setting, _ layers: SettingLayers<Setting>, _ parse: (String) -> Result<Value, RedisAddressFault>
    ) throws(OptionsError) -> [Value]? {
        guard let found = layers.find(setting) else { return nil }
        var values: [Value] = []
        for text in found.texts {
            switch parse(text) {
            case .success(let value): values.append(value)
            case .failure(let fault):
                throw found.fault(RedisAddress.redacted(text), ValueFault(stringLiteral: fault.text))
            }
        }
        return values.isEmpty ? nil : values
    }

    /// That it can be read now, by us and not by everybody. What is in it is read again for each connection.
    private static func checkPasswordFile(_ path: String) throws(OptionsError) {
        let name = "password file \(path.debugDescription)"
        switch SmallFile.read(path) {
        case .failure(let fault): throw .configuration("\(name) \(fault.text)")
        case .success(let file):
            if file.isOpenToAll {
                throw .configuration("\(name) is open to every user of this machine; run: chmod 600 \(path)")
            }
            if file.bytes.allSatisfy({ $0 == 0x0a || $0 == 0x0d }) {
                throw .configuration("\(name) is empty; write the password into it, on one line")
            }
        }
    }

    private enum Switch: String, CaseIterable { case on, off }

    private static func readPrefix(_ text: String) -> Result<String, ValueFault> {
        if text.utf8.count > 64 || text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) {
            return .failure("is no prefix of keys; give at most 64 bytes without spaces and control characters")
        }
        // A hash tag there would put all keys into one slot of a cluster, and end the one that a key has.
        return text.contains("{") || text.contains("}")
            ? .failure("has braces, by which a cluster spreads the keys; leave them out") : .success(text)
    }

    /// As the log of a start tells it, without passwords.
    var redisDescription: String {
        guard let redis else { return "redis=none" }
        let durations = Quantities.durationUnits
        return """
            redis=\(redis.place) redis-prefix=\(redis.prefix.debugDescription) \
            redis-events=\(redis.writesEvents ? "on" : "off") redis-events-max=\(redis.eventCountMax) \
            redis-flush=\(Quantities.spelling(redis.flushMs, durations)) \
            redis-timeout=\(Quantities.spelling(redis.timeoutMs, durations))
            """
    }
}

extension RedisCredentials {
    /// The password of a file, where there is one.
    fileprivate mutating func take(_ file: String?, flag: String) throws(OptionsError) {
        if let file {
            if password != nil {
                throw .configuration("\(flag) holds a password, and --redis-password-file another; give one")
            }
            password = .file(path: file)
        } else if user != nil, password == nil {
            throw .configuration(
                "\(flag) names a user without a password; write USER:PASSWORD@ or give --redis-password-file")
        }
    }
}

import Testing

@testable import ServerOptions
@testable import Settings

/// Shows each refusal: its sentence is one line that names the option and says what to do, a bad flag is a
/// fault of usage (64), anything else one of configuration (78).
@Suite struct RefusalTests {
    @Test(arguments: [
        (["--shards", "0"], "whole number from 1 to 64"),
        (["--shards", "65"], "whole number from 1 to 64"),
        (["--shards", "two"], "whole number from 1 to 64"),
        (["--shards", "+2"], "whole number from 1 to 64"),
        (["--users", "0"], "whole number from 1 to"),
        (["--orders", "99999999999999999999"], "whole number from 1 to"),
        (["--sales", "1.5"], "whole number from 1 to"),
        (["--connections", ""], "whole number from 1 to"),
        (["--retain", "7"], "is not a duration"),
        (["--retain", "d"], "is not a duration"),
        (["--retain", "1 d"], "is not a duration"),
        (["--retain", "1w"], "is not a duration"),
        (["--retain", "4000d"], "from 1s to 3650d"),
        (["--retain", "0s"], "from 1s to 3650d"),
        (["--retain", "18446744073709551615d"], "from 1s to 3650d"),
        (["--grace", "25h"], "from 0ms to 1d"),
        (["--client-timeout", "1ms"], "from 100ms to 1h"),
        (["--queue-delay", "2m"], "from 0ms to 1m"),
        (["--segment-size", "64"], "is not a size"),
        (["--segment-size", "64MB"], "is not a size"),
        (["--segment-size", "1MiB"], "from 2MiB to 4GiB"),
        (["--segment-size", "5GiB"], "from 2MiB to 4GiB"),
        (["--segment-size", "2049KiB"], "multiple of 1MiB"),
        (["--log-ahead", "lots"], "is not a size"),
        (["--tables", "full"], "give one of growing, resident"),
        (["--log-ahead", "1025GiB"], "from 0KiB to 1024GiB"),
        (["--fsync", "sometimes"], "always, everysec, no"),
        (["--log-level", "loud"], "trace, debug, info, notice, warning, error, critical"),
        (["--pin", "1,,2"], "whole number from 0 to 1023"),
        (["--data", ""], "name a file or directory"),
        (["--listen", "127.0.0.1"], "has no port"),
        (["--listen", "127.0.0.1:"], "number from 0 to 65535"),
        (["--listen", "127.0.0.1:65536"], "number from 0 to 65535"),
        (["--listen", "127.0.0.1:+1"], "number from 0 to 65535"),
        (["--listen", ":7070"], "has no host; write 127.0.0.1:7070"),
        (["--listen", "::1:7070"], "in brackets"),
        (["--listen", "[::1:7070"], "in brackets"),
        (["--listen", "shop.example:7070"], "give an IP address or localhost"),
        (["--listen", "unix:"], "write unix:PATH"),
        (
            ["--listen", "unix:" + String(repeating: "p", count: 108)],
            "108 bytes; the kernel takes at most 107"
        ),
        (["--redis", "localhost:6379"], #""..." is no address of a Redis; write redis://HOST:PORT"#),
        (["--redis", "redis://:secret@h:0"], #""redis://..." has no valid port"#),
        (["--redis", "rediss://:secret@h"], "docs/redis.md"),
        (["--redis-sentinel", "me:secret@h:1"], #""..." names no master"#),
        (["--redis-prefix", "a{b}", "--redis", "unix:r"], "has braces"),
        (["--redis-prefix", "a b", "--redis", "unix:r"], "at most 64 bytes"),
        (["--redis-events-max", "999", "--redis", "unix:r"], "whole number from 1000"),
        (["--redis-flush", "0ms", "--redis", "unix:r"], "from 1ms to 1m"),
        (["--redis-timeout", "2m", "--redis", "unix:r"], "from 10ms to 1m"),
    ])
    func aBadValueOfAFlag(_ arguments: [String], _ part: String) throws {
        let found = try #require(fault(arguments))
        #expect(found.exitCode == 64)
        #expect(found.message.hasPrefix(arguments[0] + ": "))
        #expect(found.message.contains(part), "\(found.message)")
        #expect(!found.message.contains("secret"))
        #expect(!found.message.contains("\n"))
    }

    @Test(arguments: [["--shard", "2"], ["extra"], ["--shards"], ["--config"]])
    func aBadCommandLine(_ arguments: [String]) throws {
        let found = try #require(fault(arguments))
        #expect(found.exitCode == 64)
        #expect(found.message.contains(arguments[0]))
        #expect(found.message.hasSuffix("(see timesaled --help)"))
        #expect(!found.message.contains("\n"))
    }

    @Test(arguments: [
        (["--listen", "0.0.0.0:7070"], "give --token-file FILE, or listen on 127.0.0.1 only"),
        (["--listen", "127.0.0.1:1", "--listen", "[::]:7070"], "listening on [::]:7070 without tokens"),
        (["--listen", "[::ffff:127.0.0.1]:7070"], "without tokens"),
        (["--listen", "localhost:1", "--listen", "127.0.0.1:1"], "127.0.0.1:1 twice"),
        (["--listen", "[::1]:1", "--listen", "[0:0::1]:1"], "[::1]:1 twice"),
        (["--listen", "unix:a", "--listen", "unix:a"], "unix:a twice"),
        (["--pin", "0,1"], "2 CPUs for --shards 1"),
        (["--pin", "1,1", "--shards", "2"], "a CPU twice"),
        (["--redis", "unix:r", "--redis-sentinel", "h/shop"], "both say where Redis is"),
        (["--redis", "unix:r", "--redis", "unix:r"], "names a server twice"),
        (["--redis", "redis://me@h"], "a user without a password"),
        (["--redis-sentinel", "me@h/shop"], "a user without a password"),
        (["--redis-sentinel", "h/shop?sentinel-user=me"], "give --redis-sentinel-password-file"),
        (["--redis", "unix:r", "--redis-sentinel-password-file", "x"], "needs --redis-sentinel"),
        (["--redis", "unix:r", "--redis-password-file", "no/such/file"], "No such file"),
        (["--redis-prefix", "x"], "--redis-prefix without a Redis does nothing"),
        (["--redis-events"], "--redis-events without a Redis does nothing"),
        (["--config", "no/such/file"], "No such file"),
        (["--token-file", "no/such/file"], "No such file"),
    ])
    func goodValuesThatDoNotGoTogether(_ arguments: [String], _ part: String) throws {
        let found = try #require(fault(arguments))
        #expect(found.exitCode == 78)
        #expect(found.message.contains(part), "\(found.message)")
        #expect(!found.message.contains("\n"))
    }

    @Test func passwordFilesOfRedis() throws {
        try withDirectory { directory in
            let path = directory + "/password"
            func told(_ address: String) -> String? {
                fault(["--redis", address, "--redis-password-file", path])?.message
            }
            try write("secret\n", to: path, mode: 0o644)
            #expect(told("redis://h")?.contains("chmod 600") == true)
            try write("\r\n", to: path)
            #expect(told("redis://h")?.contains("is empty") == true)
            try write("secret\n", to: path)
            #expect(told("redis://:secret@h")?.contains("another; give one") == true)
            #expect(told("redis://me@h") == nil)
            // The log of a start shows where, and not with what.
            let options = try parse("--redis", "redis://me:secret@h:1/2", "--redis-prefix", "eu:")
            #expect("\(options)".contains(#"redis=redis://me@h:1/2 redis-prefix="eu:" redis-events=off"#))
            #expect(!"\(options)".contains("secret"))
            let bad = try #require(
                fault([], environment: ["TIMESALE_REDIS_EVENTS": "yes", "TIMESALE_REDIS": "unix:r"]))
            #expect(bad.message.contains("give one of on, off"))
        }
    }

    @Test func everyLoopbackAddressAndFreePortsAreFine() throws {
        let options = try parse(
            "--listen", "127.8.9.10:1", "--listen", "[::1]:1", "--listen", "localhost:0", "--listen",
            "127.0.0.1:0")
        #expect(options.listen.count == 4)
        #expect(
            options.listen.map(\.description) == ["127.8.9.10:1", "[::1]:1", "127.0.0.1:0", "127.0.0.1:0"])
    }

    @Test func unknownAndBadVariables() throws {
        let unknown = try #require(fault([], environment: ["TIMESALE_SHARD": "2"]))
        #expect(unknown.exitCode == 78)
        #expect(unknown.message.contains("TIMESALE_SHARD;"))
        let bad = try #require(fault([], environment: ["TIMESALE_SHARDS": "many\nlines"]))
        #expect(bad.exitCode == 78)
        #expect(bad.message == #"TIMESALE_SHARDS: "many\nlines" must be a whole number from 1 to 64"#)
    }

    /// Kubernetes sets these in every pod beside a service named timesale; a server that refused them could
    /// not start there.
    @Test func serviceLinksOfKubernetesAreNoSettings() throws {
        let links = [
            "TIMESALE_SERVICE_HOST", "TIMESALE_SERVICE_PORT", "TIMESALE_SERVICE_PORT_BINARY", "TIMESALE_PORT",
            "TIMESALE_PORT_7070_TCP", "TIMESALE_PORT_7070_TCP_ADDR", "TIMESALE_HTTP_SERVICE_HOST",
        ]
        #expect(
            try parse(environment: Dictionary(uniqueKeysWithValues: links.map { ($0, "x") })) == Options())
    }

    /// The command line's variables may be set in the shell that starts the server.
    @Test func variablesOfTheCommandLineAreNoSettings() throws {
        let variables = ["TIMESALE_SERVER": "127.0.0.1:7071", "TIMESALE_TOKEN": "x"]
        #expect(try parse(environment: variables) == Options())
    }

    @Test(arguments: [
        (#"{"shard": 2}"#, #"unknown key "shard""#),
        (#"{"config": "other.json"}"#, #"unknown key "config""#),
        (#"{"shards": true}"#, #""shards" must be one number or text"#),
        (#"{"shards": 1.5}"#, #""shards" must be one number or text"#),
        (#"{"shards": null}"#, #""shards" must be one number or text"#),
        (#"{"shards": [1, 2]}"#, #""shards" must be one number or text"#),
        (#"{"shards": {"count": 1}}"#, #""shards" must be one number or text"#),
        (#"{"listen": []}"#, #""listen" must be a text or a list of texts"#),
        (#"{"listen": [["127.0.0.1:1"]]}"#, #""listen" must be a text or a list of texts"#),
        (#"{"listen": ["127.0.0.1:1", true]}"#, #""listen" must be a text or a list of texts"#),
        (#"{"shards": 65}"#, #""65" must be a whole number from 1 to 64"#),
        (#"{"shards": 2"#, "end of file"),
        ("[]", "is not a JSON object"),
        ("", "is not a JSON object"),
    ])
    func aBadFile(_ json: String, _ part: String) throws {
        try withDirectory { directory in
            let file = directory + "/timesale.json"
            try write(json, to: file)
            let found = try #require(fault(["--config", file]))
            #expect(found.exitCode == 78)
            #expect(found.message.contains(part), "\(found.message)")
            #expect(found.message.contains(file))
            #expect(!found.message.contains("\n"))
        }
    }

    @Test func aFileThatNeverEndsIsRefused() throws {
        let found = try #require(fault(["--config", "/dev/zero"]))
        #expect(found.message.contains("larger than 1 MiB"))
    }
}

import ArgumentParser
import Configuration
import Settings

/// The flags of the command line as texts, and the help. Their values are read where those of the environment
/// and the file are, in `Options+Parse.swift`, so that one rule has one sentence.
struct Flags: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timesaled",
        abstract: "Sell the stock of a flash sale: no unit twice, every accepted order on disk.",
        usage: "timesaled [OPTIONS]",
        discussion: """
            Without options it serves this machine alone, on 127.0.0.1:7070, and keeps its data in ./data. \
            Stop it with Ctrl-C or SIGTERM: it finishes what it has begun and exits with 0.

            Each option is also an environment variable (--token-file is TIMESALE_TOKEN_FILE; lists take \
            commas) and a key of the JSON file given with --config ("token-file"; lists are JSON lists). \
            A flag wins over the environment, the environment over the file. A duration is a number with ms, \
            s, m, h or d, such as 30s; a size is a number with KiB, MiB or GiB, such as 64MiB.

            Examples:
              timesaled
              timesaled --listen 0.0.0.0:7070 --token-file tokens
              timesaled --listen unix:/run/timesale.sock --shards 2 --pin 0,1
              TIMESALE_SHARDS=2 timesaled --config timesale.json
            """,
        version: Version.current)

    @Option(help: help("file", "Read options from this JSON file.")) var config: String?

    @OptionGroup(title: "Clients") var clients: ClientFlags
    @OptionGroup(title: "Storage") var storage: StorageFlags
    @OptionGroup(title: "Threads") var threads: ThreadFlags
    @OptionGroup(title: "Capacity") var capacity: CapacityFlags
    @OptionGroup(title: "Time") var time: TimeFlags
    @OptionGroup(title: "Messages") var messages: MessageFlags
    @OptionGroup(title: "Redis") var redis: RedisFlags

    struct ClientFlags: ParsableArguments {
        @Option(
            help: help(
                "address",
                """
                HOST:PORT, [V6]:PORT or unix:PATH; may be repeated; port 0 is any free one. \
                (default: 127.0.0.1:7070)
                """))
        var listen: [String] = []

        @Option(
            help: help(
                "file",
                """
                Admit only clients with a token of this file: lines "shop TOKEN" or "admin TOKEN", 16 to 78 \
                bytes each, "#" for comments; closed to other users (chmod 600). Needed to listen beyond this \
                machine. SIGHUP has it read again: no restart for other tokens.
                """))
        var tokenFile: String?

        @Option(help: help("n", "Most open connections; further ones are closed. (default: 10000)"))
        var connections: String?

        @Option(
            help: help(
                "duration",
                "Cut off a client slower than this to finish a handshake or frame, or to read. (default: 10s)"
            ))
        var clientTimeout: String?

        @Option(
            help: help(
                "duration",
                """
                Answer new orders with BUSY while requests wait longer than this for their shard; confirms and \
                cancels are served. 0ms: never. (default: 250ms)
                """))
        var queueDelay: String?
    }

    struct StorageFlags: ParsableArguments {
        @Option(help: help("dir", "Directory of the log; made if it is missing. (default: ./data)"))
        var data: String?

        @Option(
            help: help(
                "always|everysec|no",
                """
                When a reply leaves: "always" when its operation is on disk, "everysec" and "no" when it is \
                written, which survives kill -9 but not a power loss. (default: always)
                """))
        var fsync: String?

        @Option(help: help("size", "Size of a log file: a multiple of 1MiB, 2MiB to 4GiB. (default: 64MiB)"))
        var segmentSize: String?

        @Option(
            help: help(
                "size",
                """
                Room in the log made ready ahead of use, 0KiB to 1024GiB; an order takes 40 to 64 bytes. A rush beyond \
                it waits for the disk now and then. (default: 256MiB)
                """))
        var logAhead: String?

        @Option(
            help: help(
                "size",
                """
                Make a snapshot when the log has grown by so much since the last one: a start replays about as much, \
                and about twice as much log is kept. 0KiB: only for "timesale snapshot". (default: 1GiB)
                """))
        var snapshotAfter: String?

        @Option(
            help: help(
                "dir", "Move log files here that no start needs any more. (default: not kept)"))
        var archive: String?
    }

    struct ThreadFlags: ParsableArguments {
        @Option(
            help: help(
                "n",
                """
                Threads that serve, 1 to 64, each with its own users and log; may change between starts. \
                1 unless its core is full: with one, no request is passed on to another. (default: 1)
                """))
        var shards: String?

        @Option(
            help: help("cpu,...", "Pin the shards' threads to these CPUs, one each. (default: not pinned)"))
        var pin: String?
    }

    struct CapacityFlags: ParsableArguments {
        @Option(
            help: help(
                "n", "Most users with remembered orders, points or coupons, over all shards. (default: 1000000)"))
        var users: String?

        @Option(help: help("n", "Most remembered orders, over all shards. (default: 4000000)"))
        var orders: String?

        @Option(help: help("n", "Most sales and policies of coupons, ended ones included. (default: 100000)"))
        var sales: String?

        @Option(
            help: help("n", "Most remembered transactions of points, over all shards. (default: 1000000)"))
        var transactions: String?

        @Option(
            help: help(
                "n", "Most coupons, used and expired ones included, over all shards. (default: 1000000)"))
        var coupons: String?

        @Option(
            help: help(
                "n", "Most remembered checkouts, over all shards; their orders count too. (default: 1000000)"))
        var checkouts: String?

        @Option(
            help: help(
                "growing|resident",
                """
                When the tables of orders and users get their memory: "growing" as they fill up, "resident" all of \
                it before the start is done, so that a rush meets memory that is there. (default: growing)
                """))
        var tables: String?
    }

    struct TimeFlags: ParsableArguments {
        @Option(help: help("duration", "Remember ended orders and their ids for so long. (default: 7d)"))
        var retain: String?

        @Option(
            help: help(
                "duration",
                "After a start no hold ends before this: time to confirm after the stop. (default: 30s)"))
        var grace: String?
    }

    struct MessageFlags: ParsableArguments {
        @Option(
            help: help(
                "level",
                """
                Least important message to log: trace, debug, info, notice, warning, error or critical. \
                (default: info)
                """))
        var logLevel: String?
    }

    struct RedisFlags: ParsableArguments {
        @Option(
            help: help(
                "url",
                """
                Keep a copy of the counts in this Redis: redis://[USER:PASSWORD@]HOST[:PORT][/DB] or unix:PATH; any \
                node of a cluster, and may be repeated for more of them. (default: no Redis)
                """))
        var redis: [String] = []

        @Option(
            help: help(
                "address",
                """
                In the one that sentinels name as master, through failovers: \
                [USER:PASSWORD@]HOST:PORT,HOST:PORT/MASTER[/DB]. (default: no sentinels)
                """))
        var redisSentinel: String?

        @Option(
            help: help(
                "file",
                """
                The password for Redis, read again for each connection: arguments can be seen by other users. \
                (default: that of the address)
                """))
        var redisPasswordFile: String?

        @Option(help: help("file", "The password for the sentinels. (default: none)"))
        var redisSentinelPasswordFile: String?

        @Option(help: help("text", "Put before each key. (default: nothing)")) var redisPrefix: String?

        @Flag(help: "Write orders, coupons and points to a stream too; as a variable or key: on or off. (default: off)")
        var redisEvents = false

        @Option(help: help("n", "About how many entries the stream keeps, 1000 at least. (default: 1000000)"))
        var redisEventsMax: String?

        @Option(help: help("duration", "A key is written at most once in this time, 1ms to 1m. (default: 10ms)"))
        var redisFlush: String?

        @Option(
            help: help("duration", "How long to wait for Redis before its connection counts as lost. (default: 1s)"))
        var redisTimeout: String?
    }

    /// The given flags as the strongest layer.
    var provider: InMemoryProvider {
        let texts: [Setting: String?] = [
            .tokenFile: clients.tokenFile, .connections: clients.connections,
            .clientTimeout: clients.clientTimeout, .queueDelay: clients.queueDelay,
            .data: storage.data, .fsync: storage.fsync, .segmentSize: storage.segmentSize,
            .logAhead: storage.logAhead, .snapshotAfter: storage.snapshotAfter, .archive: storage.archive,
            .shards: threads.shards,
            .users: capacity.users, .orders: capacity.orders, .sales: capacity.sales,
            .transactions: capacity.transactions, .coupons: capacity.coupons,
            .checkouts: capacity.checkouts, .tables: capacity.tables,
            .retain: time.retain, .grace: time.grace, .logLevel: messages.logLevel,
            .redisSentinel: redis.redisSentinel, .redisPasswordFile: redis.redisPasswordFile,
            .redisSentinelPasswordFile: redis.redisSentinelPasswordFile, .redisPrefix: redis.redisPrefix,
            .redisEvents: redis.redisEvents ? "on" : nil, .redisEventsMax: redis.redisEventsMax,
            .redisFlush: redis.redisFlush, .redisTimeout: redis.redisTimeout,
        ]
        let cpus = threads.pin?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return Setting.flags(texts, lists: [.listen: clients.listen, .pin: cpus ?? [], .redis: redis.redis])
    }

    /// Parses the arguments (without the program's name); `--help` and `--version` come back as
    /// `information`.
    static func read(_ arguments: [String]) throws(OptionsError) -> Flags {
        do {
            return try Flags.parse(arguments)
        } catch {
            if exitCode(for: error).isSuccess { throw .information(fullMessage(for: error)) }
            let fault = message(for: error).split(separator: "\n").joined(separator: " ")
            throw .usage("\(fault) (see timesaled --help)")
        }
    }
}

private func help(_ valueName: String, _ text: String) -> ArgumentHelp {
    ArgumentHelp("\(text)", valueName: valueName)
}

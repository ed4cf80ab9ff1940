// swift-tools-version: 6.1
import PackageDescription

// Imports run one way: Protocol <- Engine <- Log <- Shard <- Server. The client needs Protocol alone.
let package = Package(
    name: "timesale",
    products: [
        .library(name: "TimesaleClient", targets: ["TimesaleClient"]),
        .library(name: "TimesaleTestKit", targets: ["TimesaleTestKit"]),
        // How our programs take options: for the sidecar, which is a package of its own.
        .library(name: "TimesaleSettings", targets: ["Settings"]),
        // What fuzz targets run in, and an engine for them: for those of the sidecar.
        .library(name: "TimesaleFuzzing", targets: ["Fuzzing", "FuzzEngine"]),
        // Preloaded into a server by the test of its allocations: a file of its own, linked into nothing.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CAtomics"),
        .systemLibrary(name: "CUring", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),

        .target(name: "CLinux"),

        // How commands reach a Redis; knows nothing of ours.
        .target(name: "Redis", dependencies: ["CHiredis"]),

        .target(name: "Protocol", dependencies: ["CAtomics"]),
        .target(name: "Engine", dependencies: ["Protocol", "CAtomics"]),
        .target(name: "Log", dependencies: ["Engine", "Protocol", "CAtomics"]),
        .target(name: "Storage", dependencies: ["Log"]),
        .target(name: "Shard", dependencies: ["Log", "Engine", "Protocol", "CAtomics"]),
        .target(name: "Mirror", dependencies: ["Redis", "Shard", "Log", "Engine", "Protocol", "CAtomics"]),
        .target(
            name: "Server",
            dependencies: [
                "Mirror", "Redis", "Shard", "Storage", "Log", "Engine", "Protocol", "CAtomics", "CLinux", "CUring",
                .product(name: "Logging", package: "swift-log"),
            ]),

        .target(
            name: "Settings",
            dependencies: ["CAtomics", .product(name: "Configuration", package: "swift-configuration")]),
        .target(
            name: "ServerOptions",
            dependencies: [
                "Redis", "Settings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
            ]),
        .executableTarget(
            name: "timesaled",
            dependencies: [
                "Engine", "Server", "ServerOptions", "Settings", .product(name: "Logging", package: "swift-log"),
            ],
            path: "tools/timesaled"),

        .target(
            name: "Generator",
            dependencies: ["Protocol", "CLinux", .product(name: "Histogram", package: "hdrhistogram-swift")],
            path: "bench/Generator"),
        .target(
            name: "Harness", dependencies: ["Generator", "Storage", "Log", "Engine", "Protocol", "CLinux"],
            path: "bench/Harness"),
        .executableTarget(
            name: "bench",
            dependencies: [
                "Harness", "Generator", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "bench/Command"),

        .executableTarget(
            name: "wal-replay",
            dependencies: [
                "CommandLineTool", "TimesaleClient", "Mirror", "Redis", "Storage", "Log", "Engine", "Protocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "tools/wal-replay"),

        .target(
            name: "TimesaleClient",
            dependencies: [
                "Protocol",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Sources/Client"),
        .target(
            name: "CommandLineTool",
            dependencies: [
                "TimesaleClient", "Redis", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "tools/timesale",
            exclude: ["Main"]),
        .executableTarget(name: "timesale", dependencies: ["CommandLineTool"], path: "tools/timesale/Main"),
        .target(name: "TimesaleSpawn", path: "Sources/Spawn"),
        .target(name: "TimesaleTestKit", dependencies: ["TimesaleClient", "TimesaleSpawn"], path: "Sources/TestKit"),
        .executableTarget(
            name: "client-rate", dependencies: ["TimesaleClient", "TimesaleTestKit"], path: "bench/ClientRate"),
        .testTarget(
            name: "ClientTests",
            dependencies: ["TimesaleClient", "TimesaleTestKit", "TestSupport", "Protocol", "timesaled"]),

        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "CommandLineTool", "RedisTestSupport", "Redis", "TimesaleClient", "TimesaleTestKit", "TimesaleSpawn",
                "TestSupport", "timesale",
                "timesaled", "wal-replay",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .testTarget(
            name: "BenchTests",
            dependencies: ["Harness", "Generator", "TestSupport", "Protocol", "bench", "timesaled"]),
        .testTarget(name: "ServerOptionsTests", dependencies: ["ServerOptions", "Redis", "Settings"]),
        .testTarget(name: "TidyTests"),
        .testTarget(
            name: "ExampleTests", dependencies: ["TestSupport"],
            exclude: ["against-sidecar.py", "mail-against-redis.py"]),
        .target(name: "TestSupport", dependencies: ["Protocol", "TimesaleSpawn"], path: "Tests/Support"),
        // A redis-server, sentinels, a cluster: real processes for the tests of whatever talks to Redis.
        .target(
            name: "RedisTestSupport", dependencies: ["Redis", "TestSupport", "TimesaleSpawn"],
            path: "Tests/RedisSupport"),
        .testTarget(
            name: "MirrorTests",
            dependencies: ["RedisTestSupport", "TestSupport", "Redis", "Protocol", "timesaled", "wal-replay"]),
        .testTarget(name: "RedisTests", dependencies: ["RedisTestSupport", "TestSupport", "Redis"]),
        .target(
            name: "SimulatedStorage", dependencies: ["Log", "Engine", "Protocol", "CAtomics"],
            path: "Tests/SimulatedStorage"),
        .testTarget(
            name: "LogTests",
            dependencies: [
                "SimulatedStorage", "TestSupport", "Storage", "Log", "Engine", "Protocol", "CAtomics", "wal-replay",
            ],
            exclude: ["Fixtures"]),
        .target(
            name: "Simulation",
            dependencies: ["Mirror", "Redis", "SimulatedStorage", "Shard", "Log", "Engine", "Protocol", "CAtomics"],
            path: "Tests/Simulation"),
        .executableTarget(
            name: "simulate",
            dependencies: ["Simulation", "Engine", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "tools/simulate"),
        .testTarget(
            name: "ShardTests", dependencies: ["TestSupport", "Shard", "Log", "Engine", "Protocol", "CAtomics"]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Engine"]),
        .testTarget(name: "SupportTests", dependencies: ["TestSupport", "TimesaleSpawn", "Protocol"]),
        // What fuzz targets run in: mutations, corpus, crashes, libFuzzer. Knows nothing of ours.
        .target(name: "Fuzzing", path: "Tests/Fuzzing"),
        // The shards of a server without sockets and threads, and the client library on top of them.
        .target(
            name: "FuzzEngine",
            dependencies: [
                "Fuzzing", "SimulatedStorage", "Shard", "Log", "Engine", "Protocol", "CAtomics", "TimesaleClient",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            path: "Tests/FuzzEngine"),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "FuzzEngine", "Fuzzing", "SimulatedStorage", "Shard", "Log", "Engine", "Protocol", "CAtomics",
                "ServerOptions", "Settings", "Redis", "TimesaleClient", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            path: "Tests/FuzzTargets"),
        .executableTarget(name: "fuzz", dependencies: ["FuzzTargets", "Fuzzing"], path: "Tests/Fuzz"),
        .testTarget(name: "FuzzTests", dependencies: ["TestSupport", "fuzz"]),
        .executableTarget(name: "without-io-uring", path: "Tests/WithoutRing"),
        .testTarget(name: "ServerTests", dependencies: ["TestSupport", "Protocol", "timesaled", "without-io-uring"]),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .executableTarget(name: "allocate-on-purpose", path: "Tests/AllocateOnPurpose"),
        .executableTarget(name: "hotpath", dependencies: ["TestSupport", "Protocol"], path: "Tests/HotPath"),
        .executableTarget(name: "rush", dependencies: ["TestSupport", "Protocol"], path: "Tests/Rush"),
        .testTarget(
            name: "CrashTests",
            dependencies: ["TestSupport", "Protocol", "timesale", "timesaled", "wal-replay", "rush"]),
        // Their programs in C are compiled by the tests: a build needs neither FUSE nor its headers.
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "TestSupport", "TimesaleSpawn", "TimesaleClient", "Protocol", "timesaled", "timesale", "wal-replay",
            ],
            exclude: ["Programs"]),
        .testTarget(
            name: "WalReplayTests",
            dependencies: [
                "RedisTestSupport", "TestSupport", "TimesaleSpawn", "Redis", "Log", "Protocol", "timesaled",
                "wal-replay",
            ]),
        .testTarget(name: "ProtocolTests", dependencies: ["TestSupport", "Protocol", "CAtomics"]),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Protocol", "CAtomics"]),
    ],
    swiftLanguageModes: [.v6]
)

// Swift 6.3 crashes when it compiles Shard and Server for ThreadSanitizer. What several threads run on shared
// memory is in Engine: `make tsan` builds that alone.
if Context.environment["TIMESALE_ONLY_ENGINE"] != nil {
    package.targets.removeAll { !["CAtomics", "Protocol", "Engine", "EngineTests"].contains($0.name) }
    package.products.removeAll()
}

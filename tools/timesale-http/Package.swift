// swift-tools-version: 6.2
import PackageDescription

// The HTTP sidecar: a package of its own, so that Hummingbird weighs on nobody else.
let package = Package(
    name: "timesale-http",
    dependencies: [
        .package(name: "timesale", path: "../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "Sidecar",
            dependencies: [
                "CZlib",
                .product(name: "TimesaleClient", package: "timesale"),
                .product(name: "TimesaleSettings", package: "timesale"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            // The dashboard's page: the executable needs no file beside it.
            resources: [
                .embedInCode("Dashboard/dashboard.html"), .embedInCode("Dashboard/dashboard.css"),
                .embedInCode("Dashboard/dashboard.js"),
            ],
            // Asynchronous functions run where their caller does: no switch of executors on the way of a request.
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        .executableTarget(
            name: "timesale-http",
            dependencies: ["Sidecar", .product(name: "TimesaleSettings", package: "timesale")]),
        .executableTarget(
            name: "fuzz-http",
            dependencies: [
                "Sidecar",
                .product(name: "TimesaleClient", package: "timesale"),
                .product(name: "TimesaleFuzzing", package: "timesale"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/Fuzz"),
        .testTarget(
            name: "SidecarTests",
            dependencies: [
                "Sidecar", "timesale-http", "fuzz-http",
                .product(name: "TimesaleClient", package: "timesale"),
                .product(name: "TimesaleSettings", package: "timesale"),
                .product(name: "TimesaleTestKit", package: "timesale"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

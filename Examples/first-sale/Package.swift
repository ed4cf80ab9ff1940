// swift-tools-version: 6.1
import PackageDescription

// A shop's service that depends on timesale as any other package would; a real one names a URL and a version in
// place of the path.
let package = Package(
    name: "first-sale",
    dependencies: [.package(name: "timesale", path: "../..")],
    targets: [
        .executableTarget(
            name: "first-sale", dependencies: [.product(name: "TimesaleClient", package: "timesale")]),
        .testTarget(
            name: "FirstSaleTests",
            dependencies: [
                .product(name: "TimesaleClient", package: "timesale"),
                .product(name: "TimesaleTestKit", package: "timesale"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

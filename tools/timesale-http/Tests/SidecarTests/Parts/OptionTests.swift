import Settings
import Testing

@testable import Sidecar

/// Every option is a flag, an environment variable and a line of the help, and does something. How the layers win over
/// each other is tested where it is done, in `Settings`.
@Suite struct OptionTests {
    private static let values: [SidecarSetting: String] = [
        .listen: "127.0.0.1:9", .engine: "unix:/tmp/a", .engineTimeout: "7s", .corsOrigin: "https://a.example",
        .userRate: "3:4", .addressRate: "5", .trustForwardedFor: "yes", .connections: "11", .requests: "12",
        .streams: "13", .clientTimeout: "14s", .idleTimeout: "15s", .metrics: "no", .metricsSales: "17",
        .stopDelay: "16s", .threads: "3",
        .logLevel: "error",
    ]

    @Test func everyOptionIsReadFromEverywhere() throws {
        let defaults = "\(try SidecarOptions.parse(arguments: [], environment: [:]))"
        for (setting, value) in Self.values {
            let fromFlag = try SidecarOptions.parse(arguments: [setting.flag, value], environment: [:])
            let fromVariable = try SidecarOptions.parse(
                arguments: [], environment: [setting.environmentVariable: value])
            #expect("\(fromFlag)" == "\(fromVariable)", "\(setting)")
            #expect("\(fromFlag)" != defaults, "\(setting) changes nothing")
        }
        // The others name files.
        let others: Set<SidecarSetting> = [.tokenFile, .engineTokenFile, .tlsCertificate, .tlsKey]
        #expect(Set(Self.values.keys).union(others) == Set(SidecarSetting.allCases))
    }

    @Test func theHelpTellsAll() throws {
        let fault = #expect(throws: OptionsError.self) {
            try SidecarOptions.parse(arguments: ["--help"], environment: [:])
        }
        for setting in SidecarSetting.allCases { #expect(fault?.message.contains("\(setting.flag) ") == true) }
    }

    @Test(arguments: [
        ("--listen", "8080"), ("--engine", "7070"), ("--user-rate", "0"), ("--user-rate", "1:2:3"),
        ("--cors-origin", "https://a.example/"), ("--threads", "65"), ("--trust-forwarded-for", "maybe"),
        ("--engine-timeout", "1"), ("--metrics", "maybe"), ("--metrics-sales", "1001"), ("--metrics", "token"),
    ])
    func badValuesAreRefused(_ flag: String, _ value: String) {
        let fault = #expect(throws: OptionsError.self) {
            try SidecarOptions.parse(arguments: [flag, value], environment: [:])
        }
        #expect(fault?.exitCode == 64)
        #expect(fault?.message.hasPrefix("\(flag): \"\(value)\" ") == true)
    }
}

public import Settings
import TimesaleClient

extension SidecarOptions {
    /// Resolves the options of a process: flags win over environment, environment over the file of `--config`, that
    /// over the defaults. `arguments` come without the program's name. Reads the files that the options name, nothing
    /// else.
    public static func parse(
        arguments: [String], environment: [String: String]
    ) throws(OptionsError) -> SidecarOptions {
        let flags = try SidecarFlags.read(arguments)
        let layers = try SettingLayers<SidecarSetting>(
            flags: flags.provider, configPath: flags.config, environment: environment)
        var options = SidecarOptions()
        try options.readAddressesAndAccess(layers)
        try options.readLimitsAndProcess(layers)
        // Last, as they open files: a mistyped flag is told before a missing file.
        options.tokenFile = try layers.value(.tokenFile, readPath)
        if let path = options.tokenFile { options.tokens = try TokenFile.read(path) }
        options.engineTokenFile = try layers.value(.engineTokenFile, readPath)
        if let path = options.engineTokenFile { options.engineToken = try engineToken(path) }
        try options.validate()
        return options
    }

    /// The token for the engine in a file: the first of the scope admin, else the first.
    static func engineToken(_ path: String) throws(OptionsError) -> String {
        let tokens = try TokenFile.read(path)
        let token = tokens.first { $0.scope == .admin } ?? tokens.first
        return token.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
    }

    private mutating func readAddressesAndAccess(
        _ layers: SettingLayers<SidecarSetting>
    ) throws(OptionsError) {
        listen = try layers.value(.listen, ListenAddress.parse) ?? listen
        engine = try layers.value(.engine, readEngine) ?? engine
        engineTimeoutMs =
            try layers.value(.engineTimeout) { Quantities.durationMs($0, in: 10...600_000) } ?? engineTimeoutMs
        tlsCertificate = try layers.value(.tlsCertificate, readPath)
        tlsKey = try layers.value(.tlsKey, readPath)
        corsOrigins = try layers.values(.corsOrigin, readOrigin) ?? corsOrigins
    }

    private mutating func readLimitsAndProcess(_ layers: SettingLayers<SidecarSetting>) throws(OptionsError) {
        userRate = try layers.value(.userRate, readRate)
        addressRate = try layers.value(.addressRate, readRate)
        isForwardedForTrusted = try layers.value(.trustForwardedFor, readSwitch) ?? isForwardedForTrusted
        connectionCountMax =
            try layers.value(.connections) { count($0, in: 1...1_000_000) } ?? connectionCountMax
        requestCountMax = try layers.value(.requests) { count($0, in: 1...1_000_000) } ?? requestCountMax
        streamCountMax = try layers.value(.streams) { count($0, in: 0...100_000) } ?? streamCountMax
        clientTimeoutMs =
            try layers.value(.clientTimeout) { Quantities.durationMs($0, in: 100...3_600_000) } ?? clientTimeoutMs
        idleTimeoutMs =
            try layers.value(.idleTimeout) { Quantities.durationMs($0, in: 100...86_400_000) } ?? idleTimeoutMs
        metrics = try layers.value(.metrics, readMetrics) ?? metrics
        metricsSaleCountMax = try layers.value(.metricsSales) { count($0, in: 0...1_000) } ?? metricsSaleCountMax
        stopDelayMs = try layers.value(.stopDelay) { Quantities.durationMs($0, in: 0...600_000) } ?? stopDelayMs
        threadCount = try layers.value(.threads) { count($0, in: 1...64) } ?? threadCount
        logLevel = try layers.value(.logLevel, readLevel) ?? logLevel
    }
}

private func count(_ text: String, in range: ClosedRange<UInt64>) -> Result<Int, ValueFault> {
    Quantities.wholeNumber(text, in: range).map { Int($0) }
}

private func readPath(_ text: String) -> Result<String, ValueFault> {
    if text.isEmpty { return .failure("is no path; name a file") }
    return text.utf8.contains(0) ? .failure("holds a zero byte, which no path can") : .success(text)
}

private func readEngine(_ text: String) -> Result<ClientConfiguration.Address, ValueFault> {
    if let address = ClientConfiguration.Address(text) { return .success(address) }
    return .failure("is no address; write HOST:PORT, such as 127.0.0.1:7070, or unix:PATH")
}

private func readOrigin(_ text: String) -> Result<String, ValueFault> {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let isOrigin = parts.count == 3 && (parts[0] == "https:" || parts[0] == "http:") && parts[1].isEmpty
    guard text == "*" || isOrigin && !parts[2].isEmpty else {
        return .failure("is no origin; write SCHEME://HOST or SCHEME://HOST:PORT without a slash at the end, or *")
    }
    return .success(text)
}

private func readRate(_ text: String) -> Result<SidecarOptions.Rate, ValueFault> {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let range: ClosedRange<UInt64> = 1...1_000_000
    guard (1...2).contains(parts.count),
        case .success(let rate) = Quantities.wholeNumber(String(parts[0]), in: range),
        case .success(let burst) = Quantities.wholeNumber(String(parts.last ?? ""), in: range)
    else { return .failure("is no rate; write N or N:BURST, numbers from 1 to 1000000, such as 5:20") }
    return .success(SidecarOptions.Rate(rate: Int(rate), burst: Int(burst)))
}

private func readSwitch(_ text: String) -> Result<Bool, ValueFault> {
    switch text {
    case "yes": .success(true)
    case "no": .success(false)
    default: .failure("is unknown; give yes or no")
    }
}

private func readMetrics(_ text: String) -> Result<SidecarOptions.Metrics, ValueFault> {
    if let metrics = SidecarOptions.Metrics(rawValue: text) { return .success(metrics) }
    return .failure("is unknown; give yes, open or no")
}

private func readLevel(_ text: String) -> Result<LogLevel, ValueFault> {
    if let level = LogLevel(rawValue: text) { return .success(level) }
    return .failure("is unknown; give one of \(LogLevel.allCases.map(\.rawValue).joined(separator: ", "))")
}

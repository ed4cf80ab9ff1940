import Settings

extension Options {
    /// Resolves the options of a process: flags win over environment, environment over the file of
    /// `--config`, that over the defaults. `arguments` come without the program's name. Reads the files that
    /// the options name, nothing else.
    public static func parse(arguments: [String], environment: [String: String]) throws(OptionsError)
        -> Options
    {
        let flags = try Flags.read(arguments)
        let layers = try SettingLayers<Setting>(
            flags: flags.provider, configPath: flags.config, environment: environment)
        var options = Options()
        try options.readClients(layers)
        try options.readStorageAndThreads(layers)
        try options.readCapacityAndTime(layers)
        // Last, as they open files: a mistyped flag is told before a missing file.
        options.redis = try readRedis(layers)
        options.tokenFile = try layers.value(.tokenFile, readPath)
        if let path = options.tokenFile { options.tokens = try TokenFile.read(path) }
        try options.validate()
        return options
    }

    private mutating func readClients(_ layers: SettingLayers<Setting>) throws(OptionsError) {
        listen = try layers.values(.listen, ListenAddress.parse) ?? listen
        connectionCountMax =
            try layers.value(.connections) { count($0, in: 1...1_000_000) } ?? connectionCountMax
        clientTimeoutMs =
            try layers.value(.clientTimeout) { Quantities.durationMs($0, in: 100...3_600_000) }
            ?? clientTimeoutMs
        queueDelayMs = try layers.value(.queueDelay) { Quantities.durationMs($0, in: 0...60_000) } ?? queueDelayMs
        logLevel = try layers.value(.logLevel, readName) ?? logLevel
    }

    private mutating func readStorageAndThreads(_ layers: SettingLayers<Setting>) throws(OptionsError) {
        dataDirectory = try layers.value(.data, readPath) ?? dataDirectory
        fsync = try layers.value(.fsync, readName) ?? fsync
        segmentSizeBytes = try layers.value(.segmentSize, readSegmentSize) ?? segmentSizeBytes
        logAheadBytes =
            try layers.value(.logAhead) { Quantities.sizeBytes($0, in: 0...1 << 40).map { Int($0) } }
            ?? logAheadBytes
        snapshotAfterBytes =
            try layers.value(.snapshotAfter) { Quantities.sizeBytes($0, in: 0...1 << 40).map { Int($0) } }
            ?? snapshotAfterBytes
        archiveDirectory = try layers.value(.archive, readPath) ?? archiveDirectory
        shardCount = try layers.value(.shards) { count($0, in: 1...64) } ?? shardCount
        pinnedCPUs = try layers.values(.pin) { count($0, in: 0...1023) } ?? pinnedCPUs
    }

    private mutating func readCapacityAndTime(_ layers: SettingLayers<Setting>) throws(OptionsError) {
        userCountMax = try layers.value(.users) { count($0, in: 1...1_000_000_000) } ?? userCountMax
        orderCountMax = try layers.value(.orders) { count($0, in: 1...1_000_000_000) } ?? orderCountMax
        saleCountMax = try layers.value(.sales) { count($0, in: 1...10_000_000) } ?? saleCountMax
        transactionCountMax =
            try layers.value(.transactions) { count($0, in: 1...1_000_000_000) } ?? transactionCountMax
        couponCountMax = try layers.value(.coupons) { count($0, in: 1...1_000_000_000) } ?? couponCountMax
        checkoutCountMax =
            try layers.value(.checkouts) { count($0, in: 1...1_000_000_000) } ?? checkoutCountMax
        tables = try layers.value(.tables, readName) ?? tables
        let dayMs: UInt64 = 86_400_000
        retainMs =
            try layers.value(.retain) { Quantities.durationMs($0, in: 1_000...3_650 * dayMs) } ?? retainMs
        graceMs = try layers.value(.grace) { Quantities.durationMs($0, in: 0...dayMs) } ?? graceMs
    }
}

func count(_ text: String, in range: ClosedRange<UInt64>) -> Result<Int, ValueFault> {
    Quantities.wholeNumber(text, in: range).map { Int($0) }
}

private func readSegmentSize(_ text: String) -> Result<Int, ValueFault> {
    let mebibyte: UInt64 = 1 << 20
    return Quantities.sizeBytes(text, in: 2 * mebibyte...4096 * mebibyte).flatMap { sizeBytes in
        sizeBytes % mebibyte == 0 ? .success(Int(sizeBytes)) : .failure("must be a multiple of 1MiB")
    }
}

func readPath(_ text: String) -> Result<String, ValueFault> {
    if text.isEmpty { return .failure("is no path; name a file or directory") }
    return text.utf8.contains(0) ? .failure("holds a zero byte, which no path can") : .success(text)
}

func readName<Value: RawRepresentable & CaseIterable>(
    _ text: String
) -> Result<Value, ValueFault> where Value.RawValue == String {
    if let value = Value(rawValue: text) { return .success(value) }
    return .failure("is unknown; give one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
}

/// Code that reads what comes from outside, and how to tell that it read it wrongly.
public struct FuzzTarget: Sendable {
    /// On the command line, and of its folder in the corpus.
    public let name: String
    /// What is fuzzed, in a few words.
    public let about: String
    /// The longest input worth trying, in bytes.
    public let sizeMaxBytes: Int
    /// Texts that mutations put in: words of the language that the target reads.
    public let words: [String]
    /// Runs one input. It returns where all is well, however little sense the input makes; what is wrong ends the
    /// process, by a trap of the code under test or by `violated`. It must do the same each time for the same bytes.
    public let run: @Sendable (UnsafeRawBufferPointer) -> Void

    public init(
        _ name: String, _ about: String, sizeMaxBytes: Int, words: [String] = [],
        run: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.name = name
        self.about = about
        self.sizeMaxBytes = sizeMaxBytes
        self.words = words
        self.run = run
    }
}

/// Ends the process because the code under test broke a rule: what `CrashReport` says leads to the input.
public func violated(_ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    CrashReport.say("\(file):\(line): violated: \(rule())")
    CrashReport.abort()
}

/// `violated` unless the condition holds.
public func expect(
    _ condition: Bool, _ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { violated(rule(), file: file, line: line) }
}

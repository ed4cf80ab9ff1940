/// A promise that did not hold.
public struct Violation: Error, CustomStringConvertible, Sendable {
    /// The number of the promise, 0 for a contradiction that belongs to none.
    public var promise: Int
    public var sentence: String

    init(_ promise: Int, _ sentence: String) {
        self.promise = promise
        self.sentence = sentence
    }

    static let titles = [
        "The parts fit together", "Never oversold", "Never undersold", "Acknowledged is durable", "Exactly once",
        "No reply shows what a crash could undo", "A released unit is sold only when its release is durable",
        "A success reply equals one issuance", "Redis is never ahead", "Everything is bounded", "Deterministic",
        "A fault is loud",
    ]

    public var description: String { "promise \(promise) (\(Self.titles[promise])): \(sentence)" }
}

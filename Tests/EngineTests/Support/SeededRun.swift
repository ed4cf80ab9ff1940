import Testing

/// A random history that is the same for the same seed, checked at each step.
protocol SeededRun {
    init(seed: UInt64)

    /// Does something; answers what was wrong with it.
    mutating func step() throws -> String?
    /// Looks at all there is.
    mutating func finish() throws -> String?
}

extension SeededRun {
    /// The run after so many steps and its end; nil after a fault, which is recorded.
    static func played(seed: UInt64, steps: Int) throws -> Self? {
        var run = Self(seed: seed)
        for step in 0..<steps {
            if let fault = try run.step() {
                Issue.record("seed \(seed), step \(step): \(fault)")
                return nil
            }
        }
        if let fault = try run.finish() {
            Issue.record("seed \(seed), at the end: \(fault)")
            return nil
        }
        return run
    }
}

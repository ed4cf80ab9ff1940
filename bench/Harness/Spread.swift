/// A value measured several times.
public struct Spread: Codable, Equatable, Sendable {
    public var median: Double
    public var min: Double
    public var max: Double

    /// Of an even number of values, the median is the upper of the two in the middle: a value that was measured.
    public init(_ values: [Double]) {
        let sorted = values.sorted()
        precondition(!sorted.isEmpty)
        median = sorted[sorted.count / 2]
        min = sorted[0]
        max = sorted[sorted.count - 1]
    }
}

extension Collection {
    /// The element with the median of a value.
    public func median(by value: (Element) -> Double) -> Element {
        sorted { value($0) < value($1) }[count / 2]
    }
}

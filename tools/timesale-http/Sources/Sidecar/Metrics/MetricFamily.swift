/// A family of samples, as Prometheus knows it. Only what is declared in a table of these is exported: so each has its
/// help, its labels are bounded, and the documentation can be held against the tables.
struct MetricFamily: Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    let name: String
    let kind: Kind
    let help: String
    /// Of every sample, in this order.
    let labels: [String]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}

/// A sample of a family, or the samples of one histogram.
struct Sample: Sendable {
    enum Value: Sendable {
        case count(UInt64)
        case number(Double)
        /// Not summed up; one count more than there are bounds. Bounds and sum in the family's unit.
        case histogram(bounds: [Double], counts: [UInt64], sum: Double)
    }

    /// The values of the family's labels.
    let labels: [String]
    let value: Value

    init(_ labels: [String] = [], _ value: Value) {
        self.labels = labels
        self.value = value
    }

    init(_ labels: [String] = [], _ count: UInt64) { self.init(labels, .count(count)) }
    init(_ labels: [String] = [], _ count: Int) { self.init(labels, .count(UInt64(max(0, count)))) }
    init(_ labels: [String] = [], _ number: Double) { self.init(labels, .number(number)) }
}

/// A family whose numbers are kept elsewhere, and are read when somebody asks.
struct ReadFamily<Source>: Sendable {
    let family: MetricFamily
    let samples: @Sendable (Source) -> [Sample]

    init(_ family: MetricFamily, _ samples: @escaping @Sendable (Source) -> [Sample]) {
        self.family = family
        self.samples = samples
    }

    init(_ family: MetricFamily, one: @escaping @Sendable (Source) -> UInt64) {
        self.init(family) { [Sample([], one($0))] }
    }
}

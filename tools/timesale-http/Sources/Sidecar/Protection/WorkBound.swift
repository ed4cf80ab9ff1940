import Synchronization

/// Bounds what is under way: requests, and the bytes of large bodies. Beyond it a caller hears BUSY at once, and
/// nothing waits in a queue that nobody sees.
final class WorkBound: Sendable {
    /// Of all bodies together that are larger than ordinary ones may be.
    static let largeBytesMax = 256 << 20

    let requestsMax: Int
    private let requests = Atomic<Int>(0)
    private let largeBytes = Atomic<Int>(0)

    init(requestsMax: Int) { self.requestsMax = requestsMax }

    /// Requests under way now.
    var underWay: Int { requests.load(ordering: .relaxed) }

    /// Bytes of large bodies under way now.
    var largeBytesUnderWay: Int { largeBytes.load(ordering: .relaxed) }

    func begin() throws(Problem) {
        if requests.add(1, ordering: .relaxed).newValue > requestsMax {
            requests.subtract(1, ordering: .relaxed)
            throw Problem(.busy, "\(requestsMax) requests are under way, which is the most; nothing was done")
        }
    }

    func end() { requests.subtract(1, ordering: .relaxed) }

    /// Room for a large body; it is given back with `give`.
    func take(_ bytes: Int) throws(Problem) {
        if largeBytes.add(bytes, ordering: .relaxed).newValue > Self.largeBytesMax {
            largeBytes.subtract(bytes, ordering: .relaxed)
            throw Problem(.busy, "too many large requests are under way; nothing was done")
        }
    }

    func give(_ bytes: Int) { largeBytes.subtract(bytes, ordering: .relaxed) }
}

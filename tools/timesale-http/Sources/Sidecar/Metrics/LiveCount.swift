import Synchronization

/// How many of something there are now.
final class LiveCount: Sendable {
    private let count = Atomic<Int>(0)

    func add(_ more: Int) { count.add(more, ordering: .relaxed) }
    var now: Int { count.load(ordering: .relaxed) }
}

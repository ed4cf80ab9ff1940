/// Callers that wait for room in a queue, in order of arrival. A value that lives behind the queue's lock.
struct ParkedCallers {
    struct Caller {
        let id: UInt64
        /// The calls that want to be admitted, all at once.
        let count: Int
        let deadlineNs: UInt64
        /// Resumed with nil when they are.
        let continuation: UnsafeContinuation<TimesaleError?, Never>
    }

    private var callers: [Caller] = []
    // Those before it have left: taking the first does not move all others.
    private var head = 0

    var isEmpty: Bool { head == callers.count }
    var count: Int { callers.count - head }
    var first: Caller? { isEmpty ? nil : callers[head] }

    mutating func append(_ caller: Caller) { callers.append(caller) }

    mutating func removeFirst() {
        head += 1
        if head > 64, head * 2 > callers.count {
            callers.removeFirst(head)
            head = 0
        }
    }

    mutating func remove(id: UInt64) -> Caller? {
        guard let index = callers[head...].firstIndex(where: { $0.id == id }) else { return nil }
        return callers.remove(at: index)
    }

    mutating func removeAll(where isLeaving: (Caller) -> Bool) -> [Caller] {
        guard callers[head...].contains(where: isLeaving) else { return [] }
        let leaving = callers[head...].filter(isLeaving)
        callers = callers[head...].filter { !isLeaving($0) }
        head = 0
        return leaving
    }
}

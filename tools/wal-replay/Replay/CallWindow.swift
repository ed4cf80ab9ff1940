/// Which calls are under way: bounds their number, and tells a call when all before it are over.
actor CallWindow {
    private let countMax: Int
    /// From `first` on: whether the call is over.
    private var isOver: [Bool] = []
    private var first = 0
    private var waitingForRoom: [CheckedContinuation<Void, Never>] = []
    private var waitingToBeFirst: [(index: Int, continuation: CheckedContinuation<Void, Never>)] = []

    init(countMax: Int) { self.countMax = countMax }

    /// The index of the next call, once there is room for it.
    func begin() async -> Int {
        while isOver.count >= countMax { await withCheckedContinuation { waitingForRoom.append($0) } }
        isOver.append(false)
        return first + isOver.count - 1
    }

    func end(_ index: Int) {
        isOver[index - first] = true
        var done = 0
        while done < isOver.count && isOver[done] { done += 1 }
        guard done > 0 else { return }
        isOver.removeFirst(done)
        first += done
        let room = waitingForRoom
        waitingForRoom = []
        for continuation in room { continuation.resume() }
        let ready = waitingToBeFirst.filter { $0.index <= first }
        waitingToBeFirst.removeAll { $0.index <= first }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns when every call before this one is over.
    func untilFirst(_ index: Int) async {
        if index <= first { return }
        await withCheckedContinuation { waitingToBeFirst.append((index, $0)) }
    }

    /// Returns when no call is under way.
    func untilIdle() async { await untilFirst(first + isOver.count) }
}

import Glibc

/// Runs `body` on as many threads of the system as asked for, and answers their results when all have ended.
/// A result passes by the join alone, which ThreadSanitizer understands.
func onThreads<Result>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) -> [Result] {
    let runs = (0..<count).map { index in ThreadRun { body(index) } }
    let threads = runs.map { run in
        var thread = pthread_t()
        let error = pthread_create(&thread, nil, { run in
            Unmanaged<ThreadRun>.fromOpaque(run!).takeUnretainedValue().perform()
            return nil
        }, Unmanaged.passUnretained(run).toOpaque())
        precondition(error == 0, "no thread: \(error)")
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
    return runs.map { $0.result as! Result }
}

private final class ThreadRun {
    private let body: () -> Any
    private(set) var result: Any?

    init(_ body: @escaping () -> Any) { self.body = body }

    func perform() { result = body() }
}

/// Lets threads begin a round together.
final class Barrier: @unchecked Sendable {
    private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)

    init(_ count: Int) { pthread_barrier_init(barrier, nil, UInt32(count)) }

    deinit {
        pthread_barrier_destroy(barrier)
        barrier.deallocate()
    }

    func wait() { pthread_barrier_wait(barrier) }
}

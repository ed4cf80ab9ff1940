import Glibc

/// A mutex and a condition (pthread_mutex_lock(3), pthread_cond_wait(3)) for the threads beside the shards.
///
/// What it guards is used within `locked` alone; `wait` and `signal` are called there.
struct Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
    }

    func locked<T>(_ body: () -> T) -> T {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    func wait() { pthread_cond_wait(condition, mutex) }

    /// Waits until `Clock.monotonicUs` is `untilUs` at the latest; false when that is over.
    func wait(untilUs: UInt64) -> Bool {
        var deadline = timespec()
        deadline.tv_sec = Int(untilUs / 1_000_000)
        deadline.tv_nsec = Int(untilUs % 1_000_000) * 1000
        return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT
    }

    /// Wakes whoever waits.
    func signal() { pthread_cond_broadcast(condition) }
}

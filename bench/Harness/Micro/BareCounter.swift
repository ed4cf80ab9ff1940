import CLinux
import Engine
import Foundation
import Generator
import Synchronization

/// The counter of one sale, taken from by threads as shards do it, one unit at a time.
public final class BareCounter: Sendable {
    public enum Stock: String, CaseIterable, Sendable {
        /// Each thread has units in its own stripe, as shards have while a sale is far from its end.
        case own
        /// One stripe has all that is left, as near the end of a sale.
        case one
    }

    private let counters: StockCounters
    private let pool = MemoryPool()
    private let threads: Int
    /// Threads that are there, and then begin together.
    private let ready = Atomic<Int>(0)
    private let slowestNs = Atomic<UInt64>(0)

    public init(_ stock: Stock, threads: Int, takes: Int) {
        self.threads = threads
        counters = StockCounters(sales: 2, shards: threads, memory: pool.source)
        let all = UInt64(threads * takes)
        switch stock {
        case .own: for thread in 0..<threads { counters.put(1, stripe: thread, UInt64(takes)) }
        case .one: counters.put(1, stripe: 0, all)
        }
    }

    /// Each thread takes so many units, which have to be there; the time of the slowest for one of them. Once.
    public func nanosecondsPerTake(_ takes: Int) -> Double {
        if threads == 1 {
            take(takes, thread: 0)
        } else {
            let done = DispatchSemaphore(value: 0)
            for thread in 0..<threads {
                Thread.detachNewThread {
                    _ = ts_pin_thread(Int32(thread % Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
                    self.take(takes, thread: thread)
                    done.signal()
                }
            }
            for _ in 0..<threads { done.wait() }
        }
        precondition(counters.totals(1).available == 0, "every unit was taken once")
        return Double(slowestNs.load(ordering: .relaxed)) / Double(takes)
    }

    private func take(_ takes: Int, thread: Int) {
        ready.add(1, ordering: .sequentiallyConsistent)
        while ready.load(ordering: .acquiring) < threads {}
        let start = DispatchTime.now().uptimeNanoseconds
        measuredTakes(takes, thread)
        slowestNs.max(DispatchTime.now().uptimeNanoseconds - start, ordering: .sequentiallyConsistent)
    }

    @inline(never)
    private func measuredTakes(_ takes: Int, _ thread: Int) {
        for _ in 0..<takes {
            var take = StockTake(counters: counters, sale: 1, shard: thread, quantity: 1)
            var answer = take.step()
            while answer == .again || answer == .wait { answer = take.step() }
            precondition(answer == .taken)
        }
    }
}

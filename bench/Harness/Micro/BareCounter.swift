import CLinux
import Engine
import Foundation
import Generator
import Synchronization

/// The counter of units without engine and log: threads that take one unit after the other, as the shards do.
final class BareCounter: Sendable {
    enum Shape: String, CaseIterable, Sendable {
        /// Each thread takes from and releases into its own stripe of one sale.
        case oneSale = "one-sale"
        /// Each has a sale of its own.
        case ownSales = "own-sales"
        /// All units of the one sale lie in the stripe of the first thread, and everybody takes from there: the
        /// worst that contention does while there are units. None is released: that would move it to another stripe.
        case oneStripe = "one-stripe"
    }

    private let counters: StockCounters
    private let shape: Shape
    private let threads: Int
    private let cpu: Int
    private let pool = MemoryPool()
    private let begins = Mutex<[UInt64]>([])
    private let ends = Mutex<[UInt64]>([])

    /// The first thread is pinned to `cpu`, the others to those after it, round; -1 leaves them to the scheduler.
    init(_ shape: Shape, threads: Int, cpu: Int) {
        self.shape = shape
        self.threads = threads
        self.cpu = cpu
        counters = StockCounters(sales: threads, shards: threads, memory: pool.source)
        for thread in 0..<threads {
            let stripe = shape == .oneStripe ? 0 : thread
            counters.put(sale(of: thread), stripe: stripe, 1 << 40)
        }
    }

    private func sale(of thread: Int) -> Int { shape == .ownSales ? thread : 0 }

    /// Nanoseconds from the first begin to the last end, where each thread does so many.
    func nanoseconds(operationsOfEach count: Int) -> UInt64 {
        let before = available
        // One alone waits for nobody, so that all that is counted is its own.
        if threads == 1 {
            let beginNs = MonotonicClock.nowNs()
            work(count, 0)
            let endNs = MonotonicClock.nowNs()
            check(before, count)
            return endNs - beginNs
        }
        let ready = DispatchSemaphore(value: 0)
        let go = DispatchSemaphore(value: 0)
        let finished = DispatchSemaphore(value: 0)
        begins.withLock { $0 = [] }
        ends.withLock { $0 = [] }
        for thread in 0..<threads {
            Thread.detachNewThread { [self] in
                if cpu >= 0 { _ = ts_pin_thread(Int32((cpu + thread) % sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
                ready.signal()
                go.wait()
                let beginNs = MonotonicClock.nowNs()
                work(count, thread)
                let endNs = MonotonicClock.nowNs()
                begins.withLock { $0.append(beginNs) }
                ends.withLock { $0.append(endNs) }
                finished.signal()
            }
        }
        for _ in 0..<threads { ready.wait() }
        for _ in 0..<threads { go.signal() }
        for _ in 0..<threads { finished.wait() }
        check(before, count)
        return ends.withLock { $0.max()! } - begins.withLock { $0.min()! }
    }

    private func work(_ count: Int, _ thread: Int) {
        if shape == .oneStripe { take(count, thread) } else { takeAndRelease(count, thread) }
    }

    private func check(_ before: UInt64, _ count: Int) {
        let taken = shape == .oneStripe ? UInt64(threads * count) : 0
        precondition(before - available == taken, "no unit was lost")
    }

    private var available: UInt64 {
        (0..<threads).reduce(0) { $0 + counters.totals($1).available }
    }

    private func takeAndRelease(_ count: Int, _ thread: Int) {
        let sale = sale(of: thread)
        for _ in 0..<count {
            guard counters.takeWhole(sale, stripe: thread, 1) else { preconditionFailure("there are units") }
            counters.put(sale, stripe: thread, 1)
        }
    }

    private func take(_ count: Int, _ thread: Int) {
        for _ in 0..<count {
            var take = StockTake(counters: counters, sale: 0, shard: thread, quantity: 1)
            var answer = take.step()
            while answer == .again || answer == .wait { answer = take.step() }
            precondition(answer == .taken, "there are units")
        }
    }
}

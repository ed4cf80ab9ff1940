import CAtomics
import CLinux
import Foundation

/// How far two CPUs are from each other: what it takes a line of memory to get from the cache of one into that of the
/// other. The CPUs of a virtual machine move from core to core of its host. Two that share a cache, as those of one
/// small machine do, are 40 ns apart on the machine this was found on, else 200: a server and a generator that talk
/// through loopback notice it, a server that computes by itself does not.
enum CPUDistance {
    private static let rounds: UInt64 = 20_000
    /// Before the clock runs: the other thread has to start first.
    private static let warmUpRounds: UInt64 = 2_000
    /// How much further apart than the nearest still counts as near.
    static let nearFactor = 2.0

    /// Nanoseconds one way, by two threads that answer each other without sleeping; nil if either CPU is not given, or
    /// cannot be had. Leaves the calling thread where it may run on any.
    static func measureNs(_ one: Int, _ other: Int) -> Double? {
        defer { _ = ts_unpin_thread() }
        // Two on one CPU would wait for each other's slices.
        guard one >= 0, other >= 0, one != other, ts_pin_thread(Int32(other)) == 0, ts_pin_thread(Int32(one)) == 0
        else { return nil }
        // A line of its own, whatever lies beside it.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 128)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
        let word = Word(memory.assumingMemoryBound(to: UInt64.self))
        let isDone = DispatchSemaphore(value: 0)
        Thread {
            _ = ts_pin_thread(Int32(other))
            for round in 0..<rounds {
                while word.load() != 2 * round + 1 {}
                word.store(2 * round + 2)
            }
            isDone.signal()
        }.start()
        var begunNs: UInt64 = 0
        for round in 0..<rounds {
            if round == warmUpRounds { begunNs = DispatchTime.now().uptimeNanoseconds }
            word.store(2 * round + 1)
            while word.load() != 2 * round + 2 {}
        }
        let ns = Double(DispatchTime.now().uptimeNanoseconds - begunNs) / Double(2 * (rounds - warmUpRounds))
        isDone.wait()
        memory.deallocate()
        return ns
    }

    private struct Word: @unchecked Sendable {
        private let word: UnsafeMutablePointer<UInt64>

        init(_ word: UnsafeMutablePointer<UInt64>) { self.word = word }

        @inline(__always)
        func load() -> UInt64 { ts_load_acquire(word) }

        @inline(__always)
        func store(_ value: UInt64) { ts_store_release(word, value) }
    }
}

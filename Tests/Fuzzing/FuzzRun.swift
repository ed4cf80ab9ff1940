import Foundation

/// Runs a target on its corpus and on what mutations make of it.
struct FuzzRun {
    let target: FuzzTarget
    let corpus: [[UInt8]]
    let seed: UInt64

    /// What ends a run, whichever comes first.
    struct Limit {
        var iterations = Int.max
        var seconds = Double.infinity
    }

    /// Answers how many inputs were run.
    func run(_ limit: Limit) -> Int {
        var mutator = Mutator(seed: seed, sizeMaxBytes: target.sizeMaxBytes, words: target.words)
        let end = Date().addingTimeInterval(limit.seconds)
        var count = 0
        while count < limit.iterations, count % 16 != 0 || limit.seconds == .infinity || Date() < end {
            once(count < corpus.count ? corpus[count] : mutator.input(from: corpus))
            count += 1
        }
        return count
    }

    /// One input, in memory of exactly its size: what reads beyond it is seen by an address sanitizer.
    func once(_ bytes: [UInt8]) {
        _ = CrashReport.begin(bytes)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        target.run(UnsafeRawBufferPointer(memory))
    }
}

import CAtomics
import Engine
import Protocol

/// How the mirror stands: its thread writes it now and then, any shard may answer with it.
public struct MirrorBoard: @unchecked Sendable {
    private static let countWords = MirrorResult.sizeBytes / 8
    private let words: UnsafeMutablePointer<UInt64>

    /// Says that there is no mirror until somebody writes.
    public init(memory: MemorySource) { words = memory.table(ofWords: Self.countWords) }

    /// One thread.
    public func write(_ result: MirrorResult) {
        withUnsafeTemporaryAllocation(byteCount: MirrorResult.sizeBytes, alignment: 8) { memory in
            result.store(to: memory.baseAddress!)
            for word in 0..<Self.countWords {
                ts_store_relaxed(words + word, memory.baseAddress!.load(fromByteOffset: word * 8, as: UInt64.self))
            }
        }
    }

    /// From any thread: values of about this moment.
    public func read(into result: UnsafeMutableRawPointer) {
        for word in 0..<Self.countWords {
            result.storeBytes(of: ts_load_relaxed(words + word), toByteOffset: word * 8, as: UInt64.self)
        }
    }
}

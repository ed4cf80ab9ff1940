import CAtomics
import Glibc

/// The bytes of a file: those up to the last one written, then zeros. Segments are mostly zeros, and a
/// simulator keeps thousands of them.
struct FileContent {
    var bytes: [UInt8] = []
    var sizeBytes = 0

    mutating func write(_ new: ArraySlice<UInt8>, at offset: Int) {
        sizeBytes = max(sizeBytes, offset + new.count)
        // Zeros behind the last byte that is not zero need no memory.
        if offset >= bytes.count && new.withUnsafeBytes({ ts_is_zero($0.baseAddress, $0.count) }) { return }
        let end = offset + new.count
        if bytes.count < end { bytes += Self.zeros(end - bytes.count) }
        bytes.replaceSubrange(offset..<end, with: new)
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = max(0, min(buffer.count, sizeBytes - offset))
        let stored = max(0, min(count, bytes.count - offset))
        if stored > 0 {
            bytes.withUnsafeBytes {
                buffer.baseAddress!.copyMemory(from: $0.baseAddress! + offset, byteCount: stored)
            }
        }
        if count > stored { memset(buffer.baseAddress! + stored, 0, count - stored) }
        return count
    }

    static func zeros(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if count > 0 { memset(buffer.baseAddress!, 0, count) }
            initialized = count
        }
    }

    mutating func truncate(to size: Int) {
        sizeBytes = size
        if bytes.count > size { bytes.removeSubrange(size...) }
    }
}

/// A file as the process sees it, and as the disk has it.
struct SimulatedFile {
    /// A write since the last sync: on the disk after a power loss, sector by sector, or not.
    struct Write {
        var offset: Int
        var bytes: [UInt8]
        /// Written through: it is there for sure, in its place among the others.
        var isDurable: Bool
        /// A sync has failed to write it out: it is shown as long as it is cached, and no later sync will write it.
        var isDropped = false
    }

    private(set) var current = FileContent()
    private var durable = FileContent()
    private var unsynced: [Write] = []

    mutating func write(_ bytes: [UInt8], at offset: Int, isDurable: Bool) {
        current.write(bytes[...], at: offset)
        if isDurable && unsynced.isEmpty {
            durable.write(bytes[...], at: offset)
        } else {
            unsynced.append(Write(offset: offset, bytes: bytes, isDurable: isDurable))
        }
    }

    mutating func sync() {
        guard unsynced.contains(where: \.isDropped) else {
            durable = current
            unsynced = []
            return
        }
        for write in unsynced where !write.isDropped { durable.write(write.bytes[...], at: write.offset) }
        unsynced.removeAll { !$0.isDropped }
    }

    /// A sync that fails: the kernel reports it once, marks what it could not write as clean, and goes on showing it
    /// (PostgreSQL's "fsyncgate"; Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
    mutating func failSync() {
        for index in unsynced.indices where !unsynced[index].isDurable { unsynced[index].isDropped = true }
    }

    /// What is cached and clean is read from the disk again.
    mutating func dropCache() {
        guard unsynced.contains(where: \.isDropped) else { return }
        unsynced.removeAll { $0.isDropped }
        current = durable
        for write in unsynced { current.write(write.bytes[...], at: write.offset) }
    }

    /// Changes the file behind everybody's back, as a decaying disk does.
    mutating func tamper(_ change: (inout FileContent) -> Void) {
        change(&current)
        sync()
    }

    /// Loses what was not synced; each sector of it may have made it to the disk.
    mutating func losePower(sectorSizeBytes: Int, keeps: () -> Bool) {
        for write in unsynced where !write.isDropped {
            Self.apply(write, to: &durable, sectorSizeBytes: sectorSizeBytes) { write.isDurable || keeps() }
        }
        current = durable
        unsynced = []
    }

    /// Writes some sectors of a write that was under way when the power failed.
    mutating func tear(_ write: Write, sectorSizeBytes: Int, keeps: () -> Bool) {
        Self.apply(write, to: &durable, sectorSizeBytes: sectorSizeBytes, keeps: keeps)
        current = durable
    }

    /// Writes some sectors of a write that failed; they are no more durable than those of one that did not.
    mutating func writeInPart(_ failed: Write, sectorSizeBytes: Int, keeps: () -> Bool) {
        var start = 0
        while start < failed.bytes.count {
            let end = min(failed.bytes.count, start + sectorSizeBytes)
            if keeps() { write(Array(failed.bytes[start..<end]), at: failed.offset + start, isDurable: false) }
            start = end
        }
    }

    private static func apply(
        _ write: Write, to content: inout FileContent, sectorSizeBytes: Int, keeps: () -> Bool
    ) {
        var start = 0
        while start < write.bytes.count {
            let inSector = (write.offset + start) % sectorSizeBytes
            let end = min(write.bytes.count, start + sectorSizeBytes - inSector)
            if keeps() { content.write(write.bytes[start..<end], at: write.offset + start) }
            start = end
        }
    }
}

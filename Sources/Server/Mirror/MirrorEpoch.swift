import Log

/// The epoch of a start, which tells who was started later of two that write to one Redis: the time of the start in ms,
/// but always above that of every start before on the same data. For the clock may have been set back in between, and
/// the later start would then rest as superseded, since it looked older.
///
/// The last one is kept in a file of the data directory, durable before anything is written to Redis.
enum MirrorEpoch {
    private static let sizeMaxBytes = 64

    /// The epoch of the start that is being made, and why it could not be kept, if so: then it only holds if the clock
    /// is not set back. Before the mirror runs.
    static func begin(_ storage: any LogStorage, nowMs: UInt64) -> (epoch: UInt64, fault: StorageError?) {
        var epoch = nowMs
        do throws(StorageError) {
            if try storage.list().contains(LogFiles.mirrorEpoch), let last = try read(storage) {
                epoch = max(epoch, last &+ 1)
            }
            try write(epoch, storage)
            return (epoch, nil)
        } catch {
            return (epoch, error)
        }
    }

    /// Nil if it holds no number: then the clock alone counts, as at a first start.
    private static func read(_ storage: any LogStorage) throws(StorageError) -> UInt64? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: sizeMaxBytes, alignment: 8)
        defer { buffer.deallocate() }
        let count = try storage.read(LogFiles.mirrorEpoch, at: 0, into: buffer)
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        return text.hasSuffix("\n") ? UInt64(text.dropLast()) : nil
    }

    /// Atomic: after a crash the number before or this one is there.
    private static func write(_ epoch: UInt64, _ storage: any LogStorage) throws(StorageError) {
        let temporary = LogFiles.mirrorEpoch + LogFiles.temporarySuffix
        let text = Array("\(epoch)\n".utf8)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 8)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: text)
        try storage.create(temporary)
        try storage.write(temporary, at: 0, UnsafeRawBufferPointer(buffer))
        try storage.sync(temporary)
        try storage.rename(temporary, to: LogFiles.mirrorEpoch)
        try storage.syncDirectory()
    }
}

/// Files of the data directory, read through one buffer of megabytes, so that blocks are looked at and
/// replayed where they were read.
struct FileWindow: ~Copyable {
    /// Four times the longest block: at most a quarter of what is read is read twice.
    static let sizeBytes = 4 * BlockHeader.blockSizeMaxBytes

    let storage: any LogStorage
    private let buffer: UnsafeMutableRawBufferPointer
    private var file = ""
    private var start = 0
    private var count = 0

    /// With room for the longest block at least.
    init(storage: any LogStorage, sizeBytes: Int = Self.sizeBytes) {
        precondition(sizeBytes >= BlockHeader.blockSizeMaxBytes)
        self.storage = storage
        buffer = .allocate(byteCount: sizeBytes, alignment: BlockHeader.alignmentBytes)
    }

    deinit { buffer.deallocate() }

    /// `count` bytes of a file, at most a whole window, that lie before its end. Valid until the next call.
    mutating func bytes(_ name: String, at offset: Int, count wanted: Int) throws(RecoveryFault)
        -> UnsafeRawPointer
    {
        precondition(wanted <= buffer.count)
        if name != file || offset < start || offset + wanted > start + count {
            file = ""
            count = try reporting { () throws(StorageError) in
                try storage.read(name, at: offset, into: buffer)
            }
            file = name
            start = offset
            guard wanted <= count else {
                throw RecoveryFault(
                    .storage, file: name, offset: offset, "the file became shorter while it was read.")
            }
        }
        return UnsafeRawPointer(buffer.baseAddress!) + (offset - start)
    }
}

import Log

extension DirectoryStorage {
    /// Copies a file into another directory. Its copy is on the disk, whole and under its name, when this returns;
    /// at the pace of `PacedStorage`.
    public func keep(_ name: String, in target: DirectoryStorage) throws(StorageError) {
        let temporary = name + LogFiles.temporarySuffix
        do {
            try copy(name, to: temporary, target)
        } catch {
            try? target.remove(temporary)
            throw error
        }
        try target.rename(temporary, to: name)
        try target.syncDirectory()
    }

    private func copy(_ name: String, to copy: String, _ target: DirectoryStorage) throws(StorageError) {
        let source = PacedStorage(self)
        let paced = PacedStorage(target)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 1 << 20, alignment: BlockHeader.alignmentBytes)
        defer { buffer.deallocate() }
        try target.create(copy)
        var offset = 0
        while true {
            let count = try source.read(name, at: offset, into: buffer)
            if count == 0 { break }
            try paced.write(copy, at: offset, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += count
        }
        try target.sync(copy)
    }
}

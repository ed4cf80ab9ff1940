import Glibc
import Log
import Logging
import Storage

/// Where segments go that no start needs any more, for those who want all of the history.
///
/// A copy is on its disk, whole and under its name, before the original goes.
struct SegmentArchive: Sendable {
    let path: String
    let storage: DirectoryStorage
    let logger: Logger

    /// Copies a segment of the data directory; false if it could not, which the server's messages say.
    func keep(_ name: String) -> Bool {
        do throws(StorageError) {
            let target = try DirectoryStorage.openWithoutLock(path: path, create: true)
            let temporary = name + LogFiles.temporarySuffix
            do {
                try copy(name, to: temporary, target)
            } catch {
                try? target.remove(temporary)
                throw error
            }
            try target.rename(temporary, to: name)
            try target.syncDirectory()
            return true
        } catch {
            logger.error("a log segment cannot be archived, it stays in the data directory: \(error)")
            return false
        }
    }

    private func copy(_ name: String, to copy: String, _ target: DirectoryStorage) throws(StorageError) {
        let source = PacedStorage(storage)
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

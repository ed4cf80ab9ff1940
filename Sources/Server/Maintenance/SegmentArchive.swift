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
            try storage.keep(name, in: DirectoryStorage.openWithoutLock(path: path, create: true))
            return true
        } catch {
            logger.error("a log segment cannot be archived, it stays in the data directory: \(error)")
            return false
        }
    }
}

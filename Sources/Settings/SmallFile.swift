public import Foundation

/// A file that is read whole at start: the configuration, the tokens.
public struct SmallFile {
    /// Far above any sensible file, far below what a mistaken path (a disk, /dev/zero) would pour into
    /// memory.
    public static let sizeBytesMax = 1 << 20

    public let bytes: [UInt8]
    /// The permission bits, taken from the open descriptor, so that they belong to the bytes that were read.
    public let mode: mode_t

    /// Whether other users than its owner and group can read or change it.
    public var isOpenToAll: Bool { mode & (S_IROTH | S_IWOTH) != 0 }

    /// Reads the file. The error is the rest of a sentence that starts with the file's name.
    public static func read(_ path: String) -> Result<SmallFile, ValueFault> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(systemFault()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(systemFault()) }

        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Foundation.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return .failure(systemFault()) }
            if count == 0 { return .success(SmallFile(bytes: bytes, mode: status.st_mode)) }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > sizeBytesMax { return .failure("is larger than 1 MiB; is it the right file?") }
        }
    }

    private static func systemFault() -> ValueFault {
        "cannot be read (\(String(cString: strerror(errno)))); check the path and its permissions"
    }
}

import Glibc

/// As whom a connection begins. Shown nowhere with its password.
public struct RedisCredentials: Sendable, Equatable {
    public enum Password: Sendable, Equatable {
        case bytes([UInt8])
        /// Read again for each connection, so that a new password needs no restart.
        case file(path: String)
    }

    /// nil: the user `default`.
    public var user: String?
    public var password: Password?

    public init(user: String? = nil, password: Password? = nil) {
        self.user = user
        self.password = password
    }

    /// A password longer than this is the wrong file.
    static let passwordBytesMax = 4096

    struct PasswordFault: Error { let why: String }

    /// The password of now; nil if there is none. Line ends at the end of a file do not count.
    func currentPassword() throws(PasswordFault) -> [UInt8]? {
        switch password {
        case nil: return nil
        case .bytes(let bytes): return bytes
        case .file(let path):
            guard let file = open(path, O_RDONLY | O_CLOEXEC) as Int32?, file >= 0 else {
                throw PasswordFault(why: "its password file cannot be read (\(String(cString: strerror(errno))))")
            }
            defer { Glibc.close(file) }
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: Self.passwordBytesMax + 2)
            while bytes.count < chunk.count {
                let count = Glibc.read(file, &chunk, chunk.count - bytes.count)
                if count < 0 && errno == EINTR { continue }
                if count < 0 {
                    throw PasswordFault(why: "its password file cannot be read (\(String(cString: strerror(errno))))")
                }
                if count == 0 { break }
                bytes += chunk[..<count]
            }
            while bytes.last == 0x0a || bytes.last == 0x0d { bytes.removeLast() }
            if bytes.isEmpty { throw PasswordFault(why: "its password file is empty") }
            if bytes.count > Self.passwordBytesMax || bytes.contains(0x0a) {
                throw PasswordFault(why: "its password file holds more than one short line; is it the right file?")
            }
            return bytes
        }
    }
}

/// Neither `print`, nor `dump`, nor string interpolation may put the password into a log.
extension RedisCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { user ?? "default" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["user": user as Any]) }
}

extension RedisCredentials.Password: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "a password" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Where a server listens.
public enum RedisEndpoint: Hashable, Sendable {
    /// A name or an IP address, without brackets.
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    /// `sun_path` has 108 bytes, the last of which ends the string (unix(7)).
    static let unixPathBytesMax = 107
}

extension RedisEndpoint: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

import Foundation

/// Where the server accepts connections. Hosts are IP addresses in their canonical spelling, so that equal
/// addresses are equal.
public enum ListenAddress: Hashable, Sendable {
    /// Port 0 lets the kernel choose a free one.
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    /// `sun_path` has 108 bytes, the last of which ends the string (unix(7)).
    static let unixPathBytesMax = 107

    /// Reads `HOST:PORT`, `[V6]:PORT` or `unix:PATH`. The error is the rest of a sentence that starts with
    /// the text.
    public static func parse(_ text: String) -> Result<ListenAddress, ValueFault> {
        if text.hasPrefix("unix:") { return parseUnix(path: String(text.dropFirst(5))) }
        guard let colon = text.lastIndex(of: ":") else {
            return .failure("has no port; write HOST:PORT, such as 127.0.0.1:7070, or unix:PATH")
        }
        let port = text[text.index(after: colon)...]
        guard port.allSatisfy(\.isASCII), let portNumber = UInt16(port), port.first != "+" else {
            return .failure(
                "has no valid port; give a number from 0 to 65535 after the last colon, 0 for any free port")
        }
        let host = text[..<colon]
        if host.isEmpty {
            return .failure(
                "has no host; write 127.0.0.1\(text) for this machine alone, 0.0.0.0\(text) for all networks"
            )
        }
        if host == "localhost" { return .success(.tcp(host: "127.0.0.1", port: portNumber)) }
        if host.hasPrefix("["), host.hasSuffix("]"),
            let address = canonical(String(host.dropFirst().dropLast()), AF_INET6)
        {
            return .success(.tcp(host: address, port: portNumber))
        }
        if canonical(String(host), AF_INET6) != nil || text.filter({ $0 == ":" }).count > 1 {
            return .failure(
                "is not clear about its port; write an IPv6 address in brackets, such as [::1]:7070")
        }
        guard let address = canonical(String(host), AF_INET) else {
            return .failure(
                "names no address of a machine; give an IP address or localhost, such as 127.0.0.1:7070")
        }
        return .success(.tcp(host: address, port: portNumber))
    }

    private static func parseUnix(path: String) -> Result<ListenAddress, ValueFault> {
        if path.isEmpty { return .failure("has no path; write unix:PATH, such as unix:/run/timesale.sock") }
        if path.utf8.count > unixPathBytesMax {
            return .failure(
                "has a path of \(path.utf8.count) bytes; the kernel takes at most \(unixPathBytesMax)")
        }
        return .success(.unix(path: path))
    }

    /// The spelling that inet_ntop gives to an address, or nil if `text` is none of this family.
    private static func canonical(_ text: String, _ family: Int32) -> String? {
        var address = [UInt8](repeating: 0, count: 16)
        guard inet_pton(family, text, &address) == 1 else { return nil }
        var spelling = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, address, &spelling, socklen_t(spelling.count)) != nil else { return nil }
        return String(decoding: spelling.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether only processes of this machine can connect. 127.0.0.0/8 is loopback as a whole (RFC 1122,
    /// 3.2.1.3).
    public var isLocal: Bool {
        switch self {
        case .tcp(let host, _): host == "::1" || (host.hasPrefix("127.") && !host.contains(":"))
        case .unix: true
        }
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The spelling that `--listen` takes.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

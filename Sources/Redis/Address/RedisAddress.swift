import Glibc

/// What is wrong with an address: the rest of a sentence that starts with it. Repeats nothing of it, since a password
/// may be anywhere in what was mistyped.
public struct RedisAddressFault: Error, Equatable, Sendable {
    public let text: String
}

/// A server, who we are there, and which of its databases is meant.
public struct RedisAddress: Sendable, Equatable {
    public var endpoint: RedisEndpoint
    public var credentials: RedisCredentials
    /// 0 in a cluster.
    public var database: Int

    public static let portDefault: UInt16 = 6379
    /// More than any server is set up with; which numbers exist is for the server to say.
    static let databaseMax = 1_000_000

    public init(_ endpoint: RedisEndpoint, credentials: RedisCredentials = RedisCredentials(), database: Int = 0) {
        self.endpoint = endpoint
        self.credentials = credentials
        self.database = database
    }

    /// Reads `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `redis+unix://[USER:PASSWORD@]/PATH[?db=DATABASE]` or
    /// `unix:PATH`. What stands before the `@`, and a path of the second form, may have bytes written as `%2F`.
    public static func parse(_ text: String) -> Result<RedisAddress, RedisAddressFault> {
        Result { () throws(RedisAddressFault) in try read(text) }
    }

    /// How a message may name an address that could not be read.
    public static func redacted(_ text: String) -> String {
        for scheme in ["redis://", "rediss://", "redis+unix://", "unix:"] where text.hasPrefix(scheme) {
            return scheme + "..."
        }
        return "..."
    }

    private static func read(_ text: String) throws(RedisAddressFault) -> RedisAddress {
        if text.hasPrefix("rediss://") {
            throw RedisAddressFault(
                text: "asks for TLS, which the hiredis of Debian 12 does not have; go through a tunnel, as "
                    + "docs/redis.md shows, and write redis://")
        }
        if let rest = text.after("redis://") { return try readTCP(rest) }
        if let rest = text.after("redis+unix://") ?? text.after("unix://") { return try readUnix(rest) }
        if let path = text.after("unix:") { return RedisAddress(try unix(Array(path.utf8))) }
        throw RedisAddressFault(text: "is no address of a Redis; write redis://HOST:PORT or unix:PATH")
    }

    private static func readTCP(_ text: Substring) throws(RedisAddressFault) -> RedisAddress {
        let authority = text.prefix { !"/?#".contains($0) }
        let rest = text[authority.endIndex...]
        if rest.contains("@") {
            throw RedisAddressFault(
                text: "has an @ behind a /, ? or #; in a user or password write these as %2F, %3F and %23")
        }
        let (credentials, place) = try AddressParts.credentials(authority)
        let endpoint = try AddressParts.hostAndPort(place, portDefault: portDefault)
        let path = rest.prefix { $0 != "?" && $0 != "#" }
        let query = try AddressParts.database(query: rest[path.endIndex...])
        let name = path.dropFirst()
        let database = name.isEmpty ? nil : try AddressParts.database(name)
        if let database, let query, database != query {
            throw RedisAddressFault(text: "names two databases; give one, behind the last /")
        }
        return RedisAddress(endpoint, credentials: credentials, database: database ?? query ?? 0)
    }

    private static func readUnix(_ text: Substring) throws(RedisAddressFault) -> RedisAddress {
        let question = text.lastIndex(of: "?") ?? text.endIndex
        let (credentials, path) = try AddressParts.credentials(text[..<question])
        guard path.hasPrefix("/") else {
            throw RedisAddressFault(text: "has no path; write redis+unix:///run/redis.sock")
        }
        return RedisAddress(
            try unix(try AddressParts.decoded(path, what: "path")), credentials: credentials,
            database: try AddressParts.database(query: text[question...]) ?? 0)
    }

    private static func unix(_ path: [UInt8]) throws(RedisAddressFault) -> RedisEndpoint {
        guard !path.isEmpty, !path.contains(0), let name = String(validating: path, as: UTF8.self) else {
            throw RedisAddressFault(text: "has no path; write unix:PATH, such as unix:/run/redis.sock")
        }
        if path.count > RedisEndpoint.unixPathBytesMax {
            throw RedisAddressFault(
                text: "has a path of \(path.count) bytes; the kernel takes at most \(RedisEndpoint.unixPathBytesMax)")
        }
        return .unix(path: name)
    }
}

/// Without the password.
extension RedisAddress: CustomStringConvertible {
    public var description: String {
        let user = credentials.user.map { AddressParts.encoded($0) + "@" } ?? ""
        switch endpoint {
        case .tcp: return "redis://\(user)\(endpoint)" + (database == 0 ? "" : "/\(database)")
        case .unix(let path):
            if user.isEmpty, database == 0 { return "\(endpoint)" }
            return "redis+unix://\(user)\(AddressParts.encoded(path))" + (database == 0 ? "" : "?db=\(database)")
        }
    }
}

/// The pieces that the forms of an address share.
enum AddressParts {
    static func credentials(_ text: Substring) throws(RedisAddressFault) -> (RedisCredentials, Substring) {
        guard let at = text.lastIndex(of: "@") else { return (RedisCredentials(), text) }
        let words = text[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let what = "user or password"
        var credentials = RedisCredentials()
        if !words[0].isEmpty {
            guard let user = String(validating: try decoded(words[0], what: what), as: UTF8.self) else {
                throw RedisAddressFault(text: "has a user that is no text")
            }
            credentials.user = user
        }
        if words.count > 1, !words[1].isEmpty {
            credentials.password = .bytes(try decoded(words[1], what: what))
        }
        return (credentials, text[text.index(after: at)...])
    }

    static func decoded(_ text: Substring, what: String) throws(RedisAddressFault) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16),
                digits.first != UInt8(ascii: "+")
            else {
                throw RedisAddressFault(text: "has a % in its \(what) without two hexadecimal digits; write % as %25")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            if isAlphanumeric(byte) || "-._~/".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    static func hostAndPort(_ text: Substring, portDefault: UInt16) throws(RedisAddressFault) -> RedisEndpoint {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            let inside = text.dropFirst().prefix { $0 != "]" }
            var address = in6_addr()
            guard inside.endIndex < text.endIndex, inet_pton(AF_INET6, String(inside), &address) == 1 else {
                throw RedisAddressFault(text: "has no IPv6 address in its brackets; write one such as [::1]:6379")
            }
            host = inside
            rest = text[text.index(after: inside.endIndex)...]
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
            if rest.dropFirst().contains(":") {
                throw RedisAddressFault(
                    text: "has more than one colon behind the host; write an IPv6 address in brackets, such as "
                        + "[::1]:6379, and a user and password before an @")
            }
            let isName = host.utf8.allSatisfy { byte in
                isAlphanumeric(byte) || "-._".utf8.contains(byte)
            }
            guard !host.isEmpty, isName else {
                throw RedisAddressFault(text: "names no host; write redis://HOST:PORT, such as redis://127.0.0.1:6379")
            }
        }
        if rest.isEmpty { return .tcp(host: String(host), port: portDefault) }
        let digits = rest.dropFirst()
        guard rest.hasPrefix(":"), digits.utf8.allSatisfy(isDigit), let port = UInt16(digits), port > 0 else {
            throw RedisAddressFault(text: "has no valid port; give a number from 1 to 65535 behind the host's colon")
        }
        return .tcp(host: String(host), port: port)
    }

    static func database(_ text: Substring) throws(RedisAddressFault) -> Int {
        guard text.utf8.allSatisfy(isDigit), let number = Int(text), number <= RedisAddress.databaseMax else {
            throw RedisAddressFault(text: "has no number of a database where one belongs; write 0 to 15, as a rule")
        }
        return number
    }

    /// The number of `?db=NUMBER`; nil for nothing.
    static func database(query: Substring) throws(RedisAddressFault) -> Int? {
        if query.isEmpty { return nil }
        guard let number = query.after("?db=") else {
            throw RedisAddressFault(text: "has something other than ?db=NUMBER behind the path")
        }
        return try database(number)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}

extension StringProtocol where SubSequence == Substring {
    func after(_ start: String) -> Substring? { hasPrefix(start) ? dropFirst(start.count) : nil }
}

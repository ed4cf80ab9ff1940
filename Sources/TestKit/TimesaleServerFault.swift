import Foundation

/// Why a test has no server.
public enum TimesaleServerFault: Error, Hashable, Sendable {
    /// There is no `timesaled` in any of these places.
    case noExecutable(tried: [String])
    case noDirectory(parent: String, errno: Int32)
    case notStarted(path: String, errno: Int32)
    /// It ended, or did not get ready in time; with what it wrote to its standard error.
    case notReady(messages: String)
}

extension TimesaleServerFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noExecutable(let tried):
            "no timesaled: name its path in TIMESALED, or build it (make build); tried \(tried.joined(separator: ", "))"
        case .noDirectory(let parent, let errno):
            "no temporary directory in \(parent): \(String(cString: strerror(errno)))"
        case .notStarted(let path, let errno): "\(path) did not start: \(String(cString: strerror(errno)))"
        case .notReady(let messages): "the server did not get ready; it wrote:\n\(messages)"
        }
    }
}

/// Finds `timesaled`.
enum ServerExecutable {
    static func find() throws(TimesaleServerFault) -> String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["TIMESALED"] { return try first(of: [path]) }
        var candidates: [String] = []
        if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            candidates.append(
                URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("timesaled").path
            )
        }
        candidates.append(FileManager.default.currentDirectoryPath + "/bin/timesaled")
        candidates += (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/timesaled" }
        return try first(of: candidates)
    }

    private static func first(of candidates: [String]) throws(TimesaleServerFault) -> String {
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw .noExecutable(tried: candidates)
        }
        return found
    }
}

import Foundation

@testable import ServerOptions
@testable import Settings

/// Parses options as main does, from nothing but what is given.
func parse(_ arguments: String..., environment: [String: String] = [:]) throws(OptionsError) -> Options {
    try Options.parse(arguments: arguments, environment: environment)
}

/// The fault that the arguments and environment lead to; nil if there is none.
func fault(_ arguments: [String], environment: [String: String] = [:]) -> OptionsError? {
    do {
        _ = try Options.parse(arguments: arguments, environment: environment)
        return nil
    } catch {
        return error
    }
}

/// A directory for one test, removed after it.
func withDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "timesale-options-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}

/// Writes a file with exactly these permission bits, whatever the umask is.
func write(_ text: String, to path: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}

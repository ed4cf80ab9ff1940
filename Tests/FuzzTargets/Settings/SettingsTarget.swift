import Foundation
import Fuzzing
import Redis
import Settings

@testable import ServerOptions

/// What an operator writes: the configuration file, the file of tokens, addresses, durations and sizes. The first byte
/// of an input chooses which of them the rest is.
///
/// What can be read means the same when it is written as a program writes it, and read again; a configuration file says
/// the same as the flags that it stands for. What cannot be read is refused with one sentence, which shows no secret.
enum SettingsTarget {
    static let target = FuzzTarget(
        "settings", "configuration, tokens, addresses", sizeMaxBytes: 4096,
        words: [
            "shop ", "admin ", "#", "\n", "redis://", "redis+unix://", "redis+sentinel://", "unix:", "127.0.0.1",
            "[::1]",
            ":", "@", "%2F", "/", "?db=", "?sentinel-user=", ",", "localhost", "ms", "KiB", "MiB", "GiB", "{", "}", "[",
            "]", "\"", "\": \"", "null", "true", "1e9", "-1", "18446744073709551616",
        ] + Setting.allCases.map { "\"\($0.rawValue)\": " },
        run: run)

    private static func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        let text = String(decoding: bytes, as: UTF8.self)
        switch first % 6 {
        case 0: configuration(bytes)
        case 1: tokens(bytes)
        case 2: listenAddress(text)
        case 3: redisAddress(text)
        case 4: sentinels(text)
        default: quantities(text)
        }
    }

    // MARK: Files

    /// One file for all inputs of this process.
    private static let path = "\(FileManager.default.temporaryDirectory.path)/fuzz-settings-\(getpid()).json"

    private static func configuration(_ bytes: [UInt8]) {
        _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
        defer { unlink(path) }
        let read = Result { () throws(OptionsError) in
            try Options.parse(arguments: ["--config", path], environment: [:])
        }
        check(read)
        guard case .success(let options) = read, let flags = flags(bytes) else { return }
        let given = Result { () throws(OptionsError) in try Options.parse(arguments: flags, environment: [:]) }
        switch given {
        case .success(let same):
            expect("\(same)" == "\(options)", "the flags \(flags) say \(same), the file says \(options)")
        case .failure(let error): violated("the file is good, and the flags \(flags) are refused: \(error)")
        }
    }

    /// The flags that a file stands for; nil where a key is given twice, as readers of JSON differ about that.
    private static func flags(_ bytes: [UInt8]) -> [String]? {
        guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        var flags: [String] = []
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            guard text.components(separatedBy: "\"\(key)\"").count == 2 else { return nil }
            for value in value as? [Any] ?? [value] {
                guard let text = value as? String ?? (value as? Int).map(String.init) else { return nil }
                flags.append("--\(key)=\(text)")
            }
        }
        return flags
    }

    private static func check(_ result: Result<Options, OptionsError>) {
        guard case .failure(let error) = result else { return }
        expect(!error.message.isEmpty && error.exitCode == 78, "no sentence, or exit code \(error.exitCode): \(error)")
    }

    private static func tokens(_ bytes: [UInt8]) {
        let read = Result { () throws(OptionsError) in try TokenFile.parse(bytes, name: "the file") }
        switch read {
        case .success(let tokens):
            let lines = tokens.map { Array("\($0.scope.rawValue) ".utf8) + $0.bytes + [0x0a] }
            let again = Result { () throws(OptionsError) in
                try TokenFile.parse(Array(lines.joined()), name: "the file")
            }
            expect((try? again.get()) == tokens, "\(tokens.count) tokens are not the same when written and read again")
            expect(Set(tokens.map(\.bytes)).count == tokens.count, "a token is there twice")
            expect(
                tokens.allSatisfy { !"\($0)".utf8.elementsEqual($0.bytes) && Token.sizeBytes.contains($0.bytes.count) },
                "a token is shown, or has a wrong length")
        case .failure(let error):
            let message = Array(error.message.utf8)
            for word in bytes.split(whereSeparator: { $0 <= 0x20 }) where word.count >= 16 {
                expect(message.firstRange(of: word) == nil, "a fault shows a word of the file: \(error.message)")
            }
        }
    }

    // MARK: Values

    private static func listenAddress(_ text: String) {
        switch ListenAddress.parse(text) {
        case .success(let address):
            let again = try? ListenAddress.parse(address.description).get()
            expect(again == address, "\(text) is \(address), which is read as \(String(describing: again))")
        case .failure(let fault): expect(!fault.text.isEmpty, "no sentence for \(text)")
        }
    }

    private static func redisAddress(_ text: String) {
        switch RedisAddress.parse(text) {
        case .success(var address):
            let again = try? RedisAddress.parse(address.description).get()
            let password = address.credentials.password
            address.credentials.password = nil
            expect(again == address, "\(text) is \(address), which is read as \(String(describing: again))")
            if case .bytes(let bytes) = password, bytes.count >= 24 {
                expect(Array("\(address)".utf8).firstRange(of: bytes) == nil, "\(address) shows the password")
            }
        case .failure(let fault): expect(!fault.text.isEmpty, "no sentence for \(text)")
        }
        expect(RedisAddress.redacted(text).utf8.count < 20, "\(RedisAddress.redacted(text)) says too much")
    }

    private static func sentinels(_ text: String) {
        switch RedisSentinels.parse(text) {
        case .success(let sentinels):
            expect(!sentinels.endpoints.isEmpty && !sentinels.master.isEmpty, "\(text) names no master")
            expect(Set(sentinels.endpoints).count == sentinels.endpoints.count, "\(text): a sentinel twice")
            let places = sentinels.endpoints.map(\.description)
            let written = "redis+sentinel://\(places.joined(separator: ","))/\(sentinels.master)/\(sentinels.database)"
            let again = try? RedisSentinels.parse(written).get()
            expect(
                again?.endpoints == sentinels.endpoints && again?.master == sentinels.master
                    && again?.database == sentinels.database, "\(text) is written as \(written), which is not the same")
        case .failure(let fault): expect(!fault.text.isEmpty, "no sentence for \(text)")
        }
    }

    private static func quantities(_ text: String) {
        if let value = try? Quantities.durationMs(text, in: 0...UInt64.max).get() {
            let spelling = Quantities.spelling(value, Quantities.durationUnits)
            let again = try? Quantities.durationMs(spelling, in: 0...UInt64.max).get()
            expect(again == value, "\(text) is \(value) ms, spelled \(spelling)")
        }
        if let value = try? Quantities.sizeBytes(text, in: 0...UInt64.max).get() {
            let spelling = Quantities.spelling(value, Quantities.sizeUnits)
            let again = try? Quantities.sizeBytes(spelling, in: 0...UInt64.max).get()
            expect(again == value, "\(text) is \(value) bytes, spelled \(spelling)")
        }
        if case .success(let number) = Quantities.wholeNumber(text, in: 0...UInt64.max) {
            expect(UInt64(text) == number, "\(text) is not \(number)")
        }
    }
}

import Testing

@testable import ServerOptions
@testable import Settings

/// Shows what a token file may hold, who may read it, and that no secret reaches a message.
@Suite struct TokenFileTests {
    static let secret = "correct-horse-battery"

    private func read(_ text: String, mode: Int = 0o600) throws -> Result<[Token], OptionsError> {
        var result: Result<[Token], OptionsError> = .success([])
        try withDirectory { directory in
            try write(text, to: directory + "/tokens", mode: mode)
            do throws(OptionsError) {
                result = .success(try parse("--token-file", directory + "/tokens").tokens)
            } catch {
                result = .failure(error)
            }
        }
        return result
    }

    @Test func linesCommentsAndBlanks() throws {
        let text = "# tokens of the shop\n\n  shop \t\(Self.secret)  # web\r\nadmin \(Self.secret)#2"
        let tokens = try read(text).get()
        #expect(
            tokens == [
                Token(scope: .shop, bytes: Array(Self.secret.utf8)),
                Token(scope: .admin, bytes: Array("\(Self.secret)#2".utf8)),
            ])
    }

    @Test func tokensOpenTheNetwork() throws {
        try withDirectory { directory in
            try write("shop \(Self.secret)\n", to: directory + "/tokens")
            let options = try parse("--listen", "0.0.0.0:7070", "--token-file", directory + "/tokens")
            #expect(options.listen == [.tcp(host: "0.0.0.0", port: 7070)])
        }
    }

    @Test func theBoundsOfAToken() throws {
        for count in [16, 78] {
            #expect(try read("shop " + String(repeating: "x", count: count)).get().count == 1)
        }
        for count in [15, 79] {
            let result = try read("\nshop " + String(repeating: "x", count: count))
            let message = try #require(throws: OptionsError.self) { try result.get() }.message
            #expect(message.contains("line 2: the token has \(count) bytes; use 16 to 78"))
        }
    }

    @Test(arguments: [0o604, 0o644, 0o602, 0o666])
    func aFileOpenToOthersIsRefused(_ mode: Int) throws {
        let result = try read("shop \(Self.secret)\n", mode: mode)
        let found = try #require(throws: OptionsError.self) { try result.get() }
        #expect(found.exitCode == 78)
        #expect(found.message.contains("mode \(String(mode, radix: 8))"))
        #expect(found.message.contains("chmod 600 "))
    }

    @Test(arguments: [0o400, 0o600, 0o440, 0o640])
    func aFileForTheOwnerAndItsGroupIsTaken(_ mode: Int) throws {
        #expect(try read("shop \(Self.secret)\n", mode: mode).get().count == 1)
    }

    @Test(arguments: [
        ("", "holds no token"),
        ("# nothing\n", "holds no token"),
        ("\(secret)\n", "line 1: write shop TOKEN or admin TOKEN"),
        ("root \(secret)\n", "line 1: write shop TOKEN or admin TOKEN"),
        ("shop \(secret)\u{1}\n", "line 1: the token is not printable text"),
        ("shop\n", "line 1: write shop TOKEN or admin TOKEN"),
        ("shop \(secret) \(secret)\n", "line 1: write shop TOKEN or admin TOKEN"),
        ("shop \(secret)\nadmin \(secret)\n", "line 2: this token is already given"),
    ])
    func aFaultNamesTheLineAndNotTheSecret(_ text: String, _ part: String) throws {
        let result = try read(text)
        let found = try #require(throws: OptionsError.self) { try result.get() }
        #expect(found.exitCode == 78)
        #expect(found.message.contains(part), "\(found.message)")
        #expect(!found.message.contains(Self.secret))
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        let line = Array("shop 0123456789abcde".utf8) + [0xff]
        let found = try #require(throws: OptionsError.self) { try TokenFile.parse(line, name: "tokens") }
        #expect(found.message == "tokens, line 1: the token is not printable text; use letters and digits")
    }

    /// Neither a beginning nor a repetition of a token is the token, nor one that differs in one bit of any byte.
    @Test func aTokenIsItselfAlone() {
        for count in [16, 17, 77, 78] {
            let bytes = (0..<count).map { UInt8(0x21 + $0 % 90) }
            let token = Token(scope: .shop, bytes: bytes)
            #expect(token.isSame(as: bytes))
            let others: [[UInt8]] = [
                [], Array(bytes.dropLast()), Array(bytes.dropFirst()), bytes + [0], bytes + bytes,
                bytes + bytes + bytes + bytes,
            ]
            for other in others {
                #expect(!token.isSame(as: other), "\(count) and \(other.count) bytes")
            }
            for place in 0..<count {
                for bit in 0..<8 {
                    var other = bytes
                    other[place] ^= 1 << UInt8(bit)
                    #expect(!token.isSame(as: other), "byte \(place) of \(count)")
                }
            }
        }
    }

    @Test func printingOptionsShowsNoSecret() {
        var options = Options()
        options.tokens = [Token(scope: .admin, bytes: Array(Self.secret.utf8))]
        var dumped = ""
        dump(options, to: &dumped)
        let bytes = "\(Array(Self.secret.utf8))".dropFirst().dropLast()
        for text in [dumped, "\(options)", String(reflecting: options), "\(options.tokens)"] {
            #expect(
                !text.contains(Self.secret) && !text.contains(bytes)
                    && !text.contains("\(Self.secret.utf8.first!)\n"))
        }
        #expect(options.description.contains("tokens=1"))
    }
}

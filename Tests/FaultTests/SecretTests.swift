import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// Where a token could be found out: by the time a comparison takes, in the process list, in the environment, in
    /// what the programs write.
    @Suite(.serialized) struct Secrets {
        /// Compiled as the release is, and as debug builds are: no branch depends on a secret, and each byte counts.
        @Test(arguments: ["-O0", "-O2", "-O3"]) func tokensAreComparedInConstantTime(_ level: String) throws {
            let headers = CProgram.root.appendingPathComponent("Sources/CAtomics").path
            let program = try #require(try CProgram("compare-secrets", [level, "-g", "-I", headers]))
            func memcheck(_ arguments: [String]) throws -> ToolRun {
                try ToolRun(path: "/usr/bin/env", ["valgrind", "--error-exitcode=9", program.path] + arguments)
            }
            let run = try memcheck([])
            #expect(run.status == 0 && run.output == "compared\n", "\(run.errors)")
            // Else it would not tell of anything.
            let early = try memcheck(["early"])
            #expect(early.status == 9 && early.errors.contains("depends on uninitialised value"), "\(early.errors)")
            #expect(try ToolRun(path: program.path, ["differences"]).output == "each\n")
        }

        /// Its tokens are given to a server that tells as much as it can, and to clients of every kind, right and
        /// wrong.
        @Test(arguments: ["debug", "trace"]) func noTokenIsInWhatAnyoneCanSee(_ level: String) throws {
            let tokens = TokenList(["shop", "admin"])
            let directory = TemporaryDirectory()
            let path = try tokens.write(in: directory)
            let server = try faultServer(["--token-file", path, "--log-level", level, "--shards", "2"], in: directory)
            let admin = try server.client(token: tokens["admin"])
            var mint = IdMint(seed: 1)
            #expect(try admin.createSale(.open(1, stock: 5, operationId: mint.catalogueId())).code == .ok)
            let user = mint.user()
            let shop = try server.client(.tcp, token: tokens["shop"])
            #expect(try shop.order(mint.id(user: user), user: user, sale: 1).code == .ok)
            // One wrong byte, one too few: what is written of them would help as much.
            for wrong in tokens.all.flatMap({ [String($0.dropLast()), String($0.dropLast()) + "!"] }) {
                let client = try server.connect()
                #expect(throws: ClientFault.refused(.unauthenticated, retryAfterMs: 0)) {
                    try client.handshake(token: wrong)
                }
            }
            server.kill(SIGHUP)
            #expect(eventually({ server.stderr }, until: { $0.contains("tokens read again") }) != nil)
            try Data("admin \(tokens["admin"]) \(tokens["shop"])\n".utf8).write(to: URL(fileURLWithPath: path))
            server.kill(SIGHUP)
            #expect(eventually({ server.stderr }, until: { $0.contains("the tokens stay as they were") }) != nil)

            let process = "/proc/\(server.pid)"
            for place in ["cmdline", "environ", "comm"] {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(process)/\(place)"))
                let text = String(decoding: bytes, as: UTF8.self)
                #expect(place == "environ" || text.contains("timesaled"), "not read: \(place)")
                tokens.expectNone(in: text, place)
            }
            stop(server)
            tokens.expectNone(in: server.stderr, "stderr")
            tokens.expectNone(in: server.stdout.joined(separator: "\n"), "stdout")
            // Not on the disk either, but in their file.
            for name in try FileManager.default.contentsOfDirectory(atPath: server.dataPath) {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: server.dataPath + "/" + name))
                for token in tokens.all { #expect(bytes.range(of: Data(token.utf8)) == nil, "\(name)") }
            }
        }

        /// Another user of the machine neither connects nor reads.
        @Test func theSocketAndTheDataAreNobodyElses() throws {
            let directory = TemporaryDirectory()
            let server = try faultServer(in: directory)
            #expect(try server.client().snapshot().code == .ok)
            func mode(_ path: String) throws -> mode_t {
                var status = stat()
                try #require(lstat(path, &status) == 0)
                return status.st_mode & 0o777
            }
            #expect(try mode(server.unixPath) == 0o600)
            #expect(try mode(server.dataPath) & 0o027 == 0)
            for name in try FileManager.default.contentsOfDirectory(atPath: server.dataPath) {
                #expect(try mode(server.dataPath + "/" + name) & 0o037 == 0, "\(name)")
            }
            stop(server)
        }

        /// A start that a token file keeps from starting shows nothing of it; nor is there any flag that takes a token.
        @Test func noTokenIsInAMessage() throws {
            let tokens = TokenList(["shop"])
            let token = tokens["shop"]
            for text in [
                "\(token)\n", "root \(token)\n", "shop \(token) \(token)\n", "shop \(token)\nadmin \(token)\n",
                "shop \(token)\u{1}\n", "shop \(token)\(token)\(token)\(token)\n", "shop \(token.prefix(15))\n",
            ] {
                let directory = TemporaryDirectory()
                let path = directory.path + "/tokens"
                #expect(FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
                let run = try ToolRun("timesaled", ["--data", directory.path + "/data", "--token-file", path])
                #expect(run.status == 78 && run.errors.contains("line "), "\(text): \(run.errors)")
                tokens.expectNone(in: run.output + run.errors, text)
                #expect(!run.errors.contains(token.prefix(15)))
            }
            // Behind a flag it would stand in the process list: nothing takes one, and the refusal does not repeat it.
            for tool in ["timesaled", "timesale"] {
                let arguments = tool == "timesale" ? ["list", "--token", token] : ["--token", token]
                #expect(try ToolRun(tool, arguments).status == 64)
                #expect(try ToolRun(tool, ["--help"]).output.contains("--token ") == false)
            }
        }
    }
}

/// Tokens of a test, by the name of their line, and their file.
struct TokenList {
    var lines: [(scope: String, token: String)]

    /// A token for each scope, all different, all of these at random.
    init(_ scopes: [String]) {
        lines = scopes.map { ($0, TokenList.fresh()) }
    }

    static func fresh() -> String { "token-" + UUID().uuidString.lowercased() }

    var all: [String] { lines.map(\.token) }

    subscript(scope: String) -> String { lines.first { $0.scope == scope }?.token ?? "" }

    /// Writes the file, at once as a whole, closed to others; its path.
    @discardableResult
    func write(in directory: TemporaryDirectory) throws -> String {
        let path = directory.path + "/tokens"
        let text = lines.map { "\($0.scope) \($0.token)\n" }.joined()
        let fresh = path + ".new"
        #expect(FileManager.default.createFile(
            atPath: fresh, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        #expect(rename(fresh, path) == 0)
        return path
    }

    func expectNone(in text: String, _ place: String, _ location: SourceLocation = #_sourceLocation) {
        for token in all {
            #expect(!text.contains(token), "a token stands in \(place)", sourceLocation: location)
            // Nor as a list of its bytes.
            let bytes = "\(Array(token.utf8))".dropFirst().dropLast()
            #expect(!text.contains(bytes), "a token's bytes stand in \(place)", sourceLocation: location)
        }
    }
}

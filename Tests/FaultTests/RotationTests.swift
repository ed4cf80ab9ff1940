import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// Tokens that change while the server runs: the file is read again on SIGHUP.
    @Suite(.serialized) struct Rotation {
        private let directory = TemporaryDirectory()

        private func start(_ tokens: TokenList, _ arguments: [String] = []) throws -> ServerProcess {
            try faultServer(["--token-file", try tokens.write(in: directory)] + arguments, in: directory)
        }

        /// Has the server read its file again, and waits until it has said so, for the n-th time.
        private func hangUp(_ server: ServerProcess, _ words: String, times: Int = 1) throws {
            server.kill(SIGHUP)
            let told = eventually { server.stderr } until: { $0.components(separatedBy: words).count > times }
            try #require(told != nil, "\(server.stderr)")
        }

        private func expectRefused(
            _ server: ServerProcess, _ token: String, _ location: SourceLocation = #_sourceLocation
        ) throws {
            let client = try server.connect(.tcp)
            #expect(throws: ClientFault.refused(.unauthenticated, retryAfterMs: 0), sourceLocation: location) {
                try client.handshake(token: token)
            }
        }

        /// The new token lets in; the removed one does not, and its connections end on every shard; those of the others
        /// stay, with what they have under way.
        @Test(arguments: [1, 2]) func anotherTokenTakesThePlaceOfOne(_ shards: Int) throws {
            let before = TokenList(["shop", "admin"])
            let server = try start(before, ["--shards", "\(shards)"])
            let admins = try (0..<shards).map { try server.client(token: before["admin"], shard: UInt16($0)) }
            let shops = try (0..<shards).map { try server.client(.tcp, token: before["shop"], shard: UInt16($0)) }
            var mint = IdMint(seed: 1)
            #expect(try admins[0].createSale(.open(1, stock: 100, operationId: mint.catalogueId())).code == .ok)
            for shop in shops { #expect(try shop.ping(nonce: 3).nonce == 3) }
            var after = before
            after.replace("shop", with: TokenList.fresh())
            try after.write(in: directory)
            try hangUp(server, "tokens read again: 2, of them 1 new; 1 removed")
            for shop in shops { try shop.expectClosed() }
            try expectRefused(server, before["shop"])
            for admin in admins { #expect(try admin.ping(nonce: 4).nonce == 4) }
            let user = mint.user()
            let shop = try server.client(token: after["shop"])
            #expect(try shop.topology().admin == 0)
            #expect(try shop.order(mint.id(user: user), user: user, sale: 1).code == .ok)
            #expect(server.stderr.contains("its token was removed"))
            stop(server)
        }

        /// The scope belongs to the token: one that is another's now lets in anew, as what it is.
        @Test func aTokenGetsAnotherScope() throws {
            var tokens = TokenList(["shop", "admin"])
            let server = try start(tokens)
            let client = try server.client(token: tokens["admin"])
            #expect(try client.topology().admin == 1)
            let admin = tokens["admin"]
            tokens.changeScope(of: "admin", to: "shop")
            try tokens.write(in: directory)
            try hangUp(server, "tokens read again: 2, of them 1 new; 1 removed")
            try client.expectClosed()
            #expect(try server.client(token: admin).topology().admin == 0)
            stop(server)
        }

        /// A file that cannot be read, or says nothing sensible, changes nothing, and the log says why.
        @Test func aBrokenFileKeepsTheTokensBefore() throws {
            let tokens = TokenList(["shop", "admin"])
            let server = try start(tokens)
            let path = directory.path + "/tokens"
            let client = try server.client(token: tokens["shop"])
            var count = 0
            func expectKept(_ reason: String, _ location: SourceLocation = #_sourceLocation) throws {
                count += 1
                try hangUp(server, "the tokens stay as they were: ", times: count)
                #expect(server.stderr.contains(reason), "\(server.stderr)", sourceLocation: location)
                #expect(try client.ping(nonce: 1).nonce == 1, sourceLocation: location)
                for token in tokens.all {
                    #expect(try server.client(token: token).ping(nonce: 2).nonce == 2, sourceLocation: location)
                }
            }
            let fresh = TokenList.fresh()
            for (text, reason) in [
                ("", "holds no token"), ("shop \(fresh)\nshop short\n", "line 2: the token has 5 bytes"),
                ("shop \(fresh)\nadmin\n", "line 2: write shop TOKEN or admin TOKEN"),
            ] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                #expect(chmod(path, 0o600) == 0)
                try expectKept(reason)
            }
            try tokens.write(in: directory)
            #expect(chmod(path, 0o644) == 0)
            try expectKept("is open to every user of this machine")
            #expect(unlink(path) == 0)
            try expectKept("cannot be read")
            try expectRefused(server, fresh)
            #expect(!server.stderr.contains(fresh))

            // And a good one is taken after all that.
            try TokenList(["shop"]).write(in: directory)
            try hangUp(server, "tokens read again: 1, of them 1 new; 2 removed")
            try client.expectClosed()
            stop(server)
        }

        /// Many times under load: whoever has a token that stays never notices; whoever has one that goes is refused.
        @Test func underLoad() throws {
            var tokens = TokenList(["shop", "admin"])
            let server = try start(tokens, ["--shards", "2"])
            let admin = try server.client(token: tokens["admin"])
            var ledger = Ledger(stock: 2000, seed: 4)
            try ledger.open(admin)
            for round in 1...20 {
                let old = tokens["shop"]
                let shop = try server.client(.tcp, token: old)
                let waiting = try (0..<20).map { _ in try shop.send(.ping, [PingEntry(nonce: UInt64(round))]) }
                tokens.replace("shop", with: TokenList.fresh())
                try tokens.write(in: directory)
                try hangUp(server, "tokens read again", times: round)
                try ledger.order(admin)
                // What was answered before the end is there to be read.
                for request in waiting { _ = try? shop.receive(request) }
                try shop.expectClosed()
                try expectRefused(server, old)
            }
            try ledger.expectKept(admin)
            try ledger.sellOut(admin)
            stop(server)
        }

        /// Without a token file SIGHUP says so; it ends nothing.
        @Test func withoutATokenFile() throws {
            let server = try faultServer(in: directory)
            try hangUp(server, "there is no --token-file to read again")
            #expect(try server.client().ping(nonce: 1).nonce == 1)
            stop(server)
        }
    }
}

extension TokenList {
    mutating func replace(_ scope: String, with token: String) {
        lines = lines.map { $0.scope == scope ? (scope, token) : $0 }
    }

    mutating func changeScope(of scope: String, to other: String) {
        lines = lines.map { $0.scope == scope ? (other, $0.token) : $0 }
    }
}

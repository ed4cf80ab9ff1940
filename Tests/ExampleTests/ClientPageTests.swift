import Foundation
import Testing

/// Shows that docs/clients.md and the files it shows say the same.
@Suite struct ClientPageTests {
    /// `alice@shop.example` as a user id.
    static let alice = "4d7746bb-f752-50ba-a325-705e4c7df487"

    private static let page = Result {
        try String(
            contentsOf: ClientExample.directory.appendingPathComponent("../../clients.md"), encoding: .utf8)
    }

    /// Each block that opens with "```LANGUAGE FILE" is a part of that file, word for word.
    @Test func theBlocksAreOfTheFiles() throws {
        let blocks = try Self.page.get().matches(of: /```[a-z]+ ([\w.]+)\n((?s:.*?))\n```/)
        #expect(Set(blocks.map { String($0.1) }) == Set(ClientExample.all))
        for block in blocks {
            let url = ClientExample.directory.appendingPathComponent(String(block.1))
            let file = try String(contentsOf: url, encoding: .utf8)
            #expect(file.contains("\n\(block.2)\n"), "the page shows other lines than \(block.1)")
        }
    }

    @Test func thePageHasAlice() throws {
        #expect(try Self.page.get().contains(Self.alice))
    }
}

import Foundation
import Protocol
import Testing

@testable import TimesaleClient

/// Shows that ids are what the page of the protocol says, and that those derived from a key never change: the
/// vectors were made with another implementation (Python's hashlib, struct and uuid).
@Suite struct IdTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            String(repeating: "a", count: 55),
            "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"
        ),
        (
            String(repeating: "a", count: 56),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"
        ),
        (
            String(repeating: "a", count: 64),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
        ),
        (
            String(repeating: "a", count: 1000),
            "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
        ),
    ])
    func sha256(_ text: String, _ expected: String) {
        let digest = SHA256.digest(Array(text.utf8))
        let words = [digest.0, digest.1, digest.2, digest.3]
        let digits = words.map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        #expect(digits.joined() == expected)
    }

    @Test(arguments: [
        ("a", "", UserID(42), "9ec30694-4a46-8457-92a6-876f5cb9ea4e"),
        ("", "", 1, "2770c4c9-a1a9-89e0-953e-98bb6ea5f9f6"),
        ("9f1c-basket-7", "/v1/timesales/1001/orders", 42, "56b04867-346f-8457-a592-8e5819e03e87"),
        ("9f1c-basket-7", "/v1/timesales/1002/orders", 42, "bd079347-36a5-8457-a5ce-3aa6ab0dfeb7"),
        (
            "Schlüssel-日本", "x", UserID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")!,
            "9a4923f8-8fa6-8f93-bf96-a0360099d467"
        ),
        (
            String(repeating: "k", count: 255), String(repeating: "s", count: 300), 1_000_000,
            "a81842dc-f99a-8da6-8a4e-8840429b9400"
        ),
    ])
    func orderIdOfAKey(_ key: String, _ scope: String, _ user: UserID, _ expected: String) {
        let id = OrderID(idempotencyKey: key, for: user, scope: scope)
        #expect(id.description == expected)
        #expect(OrderID(expected) == id)
        #expect(id.wire.carriedPartition == Partition.of(user: user.wire))
        #expect(id.wire.isOperationId && id.mintedAtMs == nil)
    }

    @Test(arguments: [
        ("a", "", "ffdff51a-392f-8000-87f0-e0bd7f07f522"),
        ("restock-7", "/v1/timesales/1/restock", "d817cabc-281d-8000-bc50-6713b29fd930"),
    ])
    func operationIdOfAKey(_ key: String, _ scope: String, _ expected: String) {
        #expect(OperationID(idempotencyKey: key, scope: scope).description == expected)
    }

    /// The ids of docs/protocol.md (section 4) and of its golden file.
    @Test func idsOfThePartsOfACheckout() throws {
        let id = try #require(CheckoutID("019b76da-a802-7457-b141-592653589793"))
        #expect(id.order(0).description == "79f356a9-15bf-8457-979b-dedf4c5abbd9")
        #expect(id.order(1).description == "41054fbe-5e77-8457-9ab6-823647a638b4")
        #expect(id.order(15).description == "60ea7264-5c03-8457-b089-69b40e582fa9")
        #expect(id.couponUse.description == "5c09f0f2-028f-8457-9729-397336dda83c")
        #expect(id.pointsUse.description == "8ecccff5-8c42-8457-aa5f-146d61057b0d")
        #expect(id.pointsEarning.description == "24839aa5-336f-8457-8d83-c097bfa2f185")
        let other = try #require(CheckoutID("fedcba98-7654-8f93-bedc-ba9876543210"))
        #expect(other.order(0).description == "cefe7a95-9934-8f93-89f4-8d78f963336b")
        #expect(other.pointsEarning.description == "9a5cab89-2bba-8f93-8457-3689e1af7d22")
        #expect(id.order(3).wire.carriedPartition == id.wire.carriedPartition)
    }

    /// Where scope and key meet must matter: ("ab", "c") is not ("a", "bc").
    @Test func scopeAndKeyAreApart() {
        let one = OrderID(idempotencyKey: "c", for: 1, scope: "ab")
        let other = OrderID(idempotencyKey: "bc", for: 1, scope: "a")
        #expect(one != other)
    }

    @Test func mintedIdsAreOfTheirUserAndNow() {
        for user in [UserID(1), 42, UserID(high: 7, low: 9)] {
            let before = wallClockMs()
            let id = OrderID.mint(for: user)
            #expect(id.wire.version == 7 && id.wire.isOperationId)
            #expect(id.wire.carriedPartition == Partition.of(user: user.wire))
            #expect((before...wallClockMs() + 1).contains(id.mintedAtMs ?? 0))
        }
        let operation = OperationID.mint()
        #expect(operation.wire.carriedPartition == 0 && operation.wire.isOperationId)
    }

    /// Also when several threads mint for the same user in the same millisecond.
    @Test func mintedIdsDoNotRepeat() async {
        let ids = await withTaskGroup(of: [OrderID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<2_000).map { _ in OrderID.mint(for: 1) } } }
            return await group.reduce(into: Set<OrderID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 16_000)
    }

    @Test func usersAsText() {
        #expect(UserID("42") == 42)
        #expect(UserID(42).description == "42")
        #expect(
            UserID("3F2504E0-4F89-41D3-9A0C-0305E82C3301")?.description
                == "3f2504e0-4f89-41d3-9a0c-0305e82c3301")
        for text in ["", "-1", "18446744073709551616", "3f2504e0-4f89", "x"] { #expect(UserID(text) == nil) }
    }

    @Test(arguments: [
        ("127.0.0.1:7070", ClientConfiguration.Address.tcp(host: "127.0.0.1", port: 7070)),
        ("[::1]:7070", .tcp(host: "::1", port: 7070)),
        ("unix:/run/t.sock", .unix(path: "/run/t.sock")),
    ])
    func addresses(_ text: String, _ expected: ClientConfiguration.Address) {
        #expect(ClientConfiguration.Address(text) == expected)
        #expect(expected.description == text)
    }

    @Test(arguments: ["", "host", ":1", "host:", "host:0", "host:65536", "unix:"])
    func noAddress(_ text: String) { #expect(ClientConfiguration.Address(text) == nil) }
}

import Testing
import TimesaleClient

@testable import CommandLineTool

extension CommandLineTests {
    /// Shows which files of a campaign are understood, and what is said of the others.
    @Suite struct EarnFileTests {
        typealias Entry = EarnFile.Entry

        @Test(arguments: [
            "user,amount\n42,500\n43,1\n", "user,amount\r\n42,500\r\n43,1\r\n",
            "\u{feff}User, Amount\n42, 500\n\n43,1",
            "amount,userId\n500,42\n1,43\n", "user,amount,expiresAt,reason\n42,500,,\n43,1,,\n",
            #"[{"userId": 42, "amount": 500}, {"userId": "43", "amount": 1}]"#,
            #" {"entries": [{"user": "42", "amount": "500"}, {"userId": 43, "amount": 1, "reason": null}]}"#,
        ])
        func theSameInEveryForm(_ text: String) throws {
            #expect(try EarnFile.read(text) == [Entry(user: 42, amount: 500), Entry(user: 43, amount: 1)])
        }

        @Test func allThatAnEntryMaySay() throws {
            let user = UserID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")!
            let wanted = Entry(user: user, amount: 7, expiresAtMs: 1_767_225_600_000, reason: "a \"b\", c")
            let csv = "reason,user,expiresAt,amount\n\"a \"\"b\"\", c\",\(user),2026-01-01T01:00:00+01:00,7\n"
            #expect(try EarnFile.read(csv) == [wanted])
            let json =
                #"[{"reason": "a \"b\", c", "userId": "\#(user)", "expiresAt": "2026-01-01T00:00:00Z", "amount": 7}]"#
            #expect(try EarnFile.read(json) == [wanted])
        }

        @Test(arguments: [
            ("", "credits nobody"), ("user,amount\n", "credits nobody"), ("[]", "credits nobody"),
            ("42,500\n", "line 1: \"42\" is no column"), ("user,amount,colour\n", "\"colour\" is no column"),
            ("user,amount\n42\n", "line 2: 1 fields, but 2 columns"),
            ("user,amount\n\n\n42,500,1\n", "line 4: 3 fields, but 2 columns"),
            ("user,amount\nx,500\n", "line 2: userId \"x\": a user is"),
            ("user,amount\n,5\n", "line 2 names no user"),
            ("user,amount\n1,0\n", "line 2: amount \"0\": give a whole number from 1 to 1000000000"),
            ("user\n1\n", "line 2 names no amount"),
            ("user,amount,reason\n1,1,\"open\n", "ends within a quoted field"),
            ("user,amount,expiresAt\n1,1,+30d\n", "line 2: expiresAt \"+30d\": give a time"),
            ("user,amount,reason\n1,1,\(String(repeating: "x", count: 32))\n", "line 2: reason"),
            ("{", "the file is not JSON"), ("{\"a\": 1}", "holds no list of entries"),
            ("[1]", "entry 1 is no object"),
            (#"[{"userId": 1, "amount": 1.5}]"#, "neither a text nor a whole number"),
            (#"[{"userId": true, "amount": 1}]"#, "neither a text nor a whole number"),
            (#"[{"userId": 1, "amount": 1}, {"userId": 1, "points": 1}]"#, "entry 2: \"points\" is no field"),
        ])
        func whatIsNotUnderstood(_ text: String, _ part: String) {
            let failure = #expect(throws: Failure.self) { try EarnFile.read(text) }
            #expect(
                failure?.status == .usage && failure?.message.contains(part) == true,
                "\(failure?.message ?? "")")
        }

        /// Ids follow from the key, the user, and how often the user stood in the file before: another order of the
        /// lines of different users does not change them.
        @Test func idsOfACampaign() {
            let entries = [Entry(user: 1, amount: 5), Entry(user: 2, amount: 5), Entry(user: 1, amount: 6)]
            func ids(_ entries: [Entry], _ key: String) -> [TransactionID] {
                PointCommands.EarnBatch.requests(entries, key: key, reason: "", expiresAtMs: nil).map(\.id)
            }
            let first = ids(entries, "spring")
            #expect(Set(first).count == 3 && ids(entries, "spring") == first)
            #expect(Set(ids(entries, "summer")).isDisjoint(with: first))
            #expect(ids([entries[1], entries[0], entries[2]], "spring") == [first[1], first[0], first[2]])
            #expect(
                first[0] == TransactionID(idempotencyKey: "spring", for: 1, scope: "/v1/points/earn-batch"))
        }
    }
}

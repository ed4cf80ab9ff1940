import ArgumentParser
import Foundation
import TimesaleClient

/// The file of a campaign: who is credited with how many points.
///
/// As CSV, its columns named by its first line (`user,amount`, and if wanted `expiresAt` and `reason`), or as JSON in
/// the form of the HTTP API: a list of objects with these fields, or an object with such a list as `entries`. All of
/// it is read before anything is sent.
enum EarnFile {
    struct Entry: Equatable {
        var user: UserID
        var amount: UInt32
        /// Nil where the file says nothing.
        var expiresAtMs: UInt64?
        var reason: String?
    }

    /// - Throws: `Failure.usage`, with the place and what is wrong there.
    static func read(_ text: String) throws -> [Entry] {
        let first = text.first { !$0.isWhitespace && $0 != "\u{feff}" }
        let entries = first == "[" || first == "{" ? try readJSON(text) : try readCSV(text)
        if entries.isEmpty { throw Failure.usage("the file credits nobody") }
        return entries
    }

    /// Titles of columns and names of fields, in lower case, and which field is meant.
    private static let names = [
        "user": "userId", "userid": "userId", "amount": "amount", "expiresat": "expiresAt",
        "reason": "reason",
    ]

    private static func readCSV(_ text: String) throws -> [Entry] {
        guard let rows = CSV.rows(text.hasPrefix("\u{feff}") ? String(text.dropFirst()) : text) else {
            throw Failure.usage("the file ends within a quoted field")
        }
        guard let head = rows.first else { return [] }
        let columns = try head.fields.map { title in
            let title = title.trimmingCharacters(in: .whitespaces)
            guard let name = names[title.lowercased()] else {
                throw Failure.usage(
                    "line \(head.line): \"\(title)\" is no column; the first line names them: "
                        + "user,amount and if wanted expiresAt,reason")
            }
            return name
        }
        return try rows.dropFirst().map { row in
            let place = "line \(row.line)"
            guard row.fields.count == columns.count else {
                throw Failure.usage("\(place): \(row.fields.count) fields, but \(columns.count) columns")
            }
            let fields = row.fields.map { $0.trimmingCharacters(in: .whitespaces) }
            return try entry(Dictionary(zip(columns, fields)) { $1 }, place)
        }
    }

    private static func readJSON(_ text: String) throws -> [Entry] {
        let object: Any
        do {
            object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        } catch {
            let place = (error as NSError).userInfo["NSDebugDescription"] as? String
            throw Failure.usage("the file is not JSON" + (place.map { ": \($0)" } ?? ""))
        }
        guard let list = object as? [Any] ?? (object as? [String: Any])?["entries"] as? [Any] else {
            throw Failure.usage("the file holds no list of entries")
        }
        return try list.enumerated().map { index, item in
            let place = "entry \(index + 1)"
            guard let object = item as? [String: Any] else { throw Failure.usage("\(place) is no object") }
            var fields: [String: String] = [:]
            for (name, value) in object {
                guard let field = names[name.lowercased()] else {
                    throw Failure.usage("\(place): \"\(name)\" is no field of an entry")
                }
                switch value {
                case let text as String: fields[field] = text
                case let number as NSNumber where isWhole(number): fields[field] = "\(number)"
                case is NSNull: break
                default: throw Failure.usage("\(place): \"\(name)\" is neither a text nor a whole number")
                }
            }
            return try entry(fields, place)
        }
    }

    /// Whether it is neither a fraction nor true or false.
    private static func isWhole(_ number: NSNumber) -> Bool {
        let type = String(cString: number.objCType)
        return type != "c" && type != "B" && type != "d" && type != "f"
    }

    private static func entry(_ fields: [String: String], _ place: String) throws -> Entry {
        func value<Value>(_ name: String, _ read: (String) throws -> Value) throws -> Value? {
            guard let text = fields[name], !text.isEmpty else { return nil }
            do {
                return try read(text)
            } catch {
                throw Failure.usage("\(place): \(name) \"\(text)\": \(error)")
            }
        }
        guard let user = try value("userId", Reading.user) else {
            throw Failure.usage("\(place) names no user")
        }
        guard let amount = try value("amount", Reading.points) else {
            throw Failure.usage("\(place) names no amount")
        }
        return Entry(
            user: user, amount: amount,
            expiresAtMs: try value("expiresAt") { text in
                guard let ms = Timestamp.ms(text) else {
                    throw ValidationError("give a time such as 2026-11-27T10:00:00Z")
                }
                return ms
            }, reason: try value("reason", Reading.reason))
    }
}

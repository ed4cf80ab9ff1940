import Redis
import TimesaleClient

/// What the keys of a shop's stock say, each judged for itself before anything is created.
struct StockKeys {
    enum Verdict: Equatable {
        case take(stock: UInt64)
        /// Nothing to do, and nothing wrong.
        case skip(String)
        case refuse(String)
    }

    struct Entry: Equatable {
        let key: [UInt8]
        /// nil where the key has no number.
        let id: SaleID?
        var verdict: Verdict

        /// For people and JSON: what is no text, or would do something to a terminal, becomes a mark.
        var name: String {
            let text = String(decoding: key, as: UTF8.self)
            let isPlain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            if isPlain { return text }
            return String(
                String.UnicodeScalarView(
                    text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 }))
        }
    }

    static let stockMax: UInt64 = 1 << 40

    private(set) var entries: [Entry] = []

    /// Reads every key that matches. Values are asked for where the keys are, a thousand at a time.
    ///
    /// - Throws: `RedisFault`.
    static func read(_ pattern: KeyPattern, at place: RedisSettings.Place, timeoutMs: UInt64) throws -> StockKeys {
        let keys = try RedisKeys.matching(
            pattern.glob, at: place, clientName: "timesale-import", timeoutMs: timeoutMs)
        let link = RedisSettings(place: place).makeLink(clientName: "timesale-import")
        defer { link.close() }
        var found = StockKeys()
        for start in stride(from: 0, to: keys.count, by: 1_000) {
            let part = keys[start..<min(start + 1_000, keys.count)]
            let replies = try link.send(
                part.map { RedisCommand([Array("GET".utf8), $0], key: $0) }, timeoutMs: timeoutMs)
            for (key, reply) in zip(part, replies) { found.add(key, reply, pattern) }
        }
        found.refuseSameIds()
        return found
    }

    mutating func add(_ key: [UInt8], _ value: RedisReply, _ pattern: KeyPattern) {
        guard let digits = pattern.digits(in: key) else {
            entries.append(Entry(key: key, id: nil, verdict: .skip("no number where the id belongs")))
            return
        }
        guard let number = UInt64(digits), number > 0 else {
            entries.append(
                Entry(key: key, id: nil, verdict: .refuse("an id is a whole number from 1 to 18446744073709551615")))
            return
        }
        entries.append(Entry(key: key, id: SaleID(number), verdict: Self.judge(value)))
    }

    private static func judge(_ value: RedisReply) -> Verdict {
        switch value {
        case .null: return .skip("gone meanwhile")
        case .error(let text):
            return .refuse(text.hasPrefix("WRONGTYPE") ? "is no text: a list, a hash or the like" : text)
        case .bytes(let bytes):
            let isNumber = !bytes.isEmpty && bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard isNumber, let stock = UInt64(String(decoding: bytes, as: UTF8.self)) else {
                return .refuse("holds no whole number from 0 on")
            }
            if stock > stockMax { return .refuse("a sale has at most \(stockMax) units") }
            return stock == 0 ? .skip("nothing left to sell") : .take(stock: stock)
        default: return .refuse("holds no whole number from 0 on")
        }
    }

    /// Two keys of one number, such as `stock:7` and `stock:007`: which one counts is for the shop to say.
    mutating func refuseSameIds() {
        var places: [SaleID: [Int]] = [:]
        for (place, entry) in entries.enumerated() {
            if let id = entry.id { places[id, default: []].append(place) }
        }
        for same in places.values where same.count > 1 {
            for place in same {
                let others = same.filter { $0 != place }.map { entries[$0].name }.joined(separator: ", ")
                entries[place].verdict = .refuse("the same id as \(others)")
            }
        }
    }
}

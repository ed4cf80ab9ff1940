import Protocol

/// One thing that a server shows: a sale, a policy, an order, a coupon, a transaction, a user's balance. From a log
/// or from a server, with the same names.
struct ContentItem: Equatable, Sendable {
    enum Kind: String, Sendable { case sale, policy, order, coupon, transaction, balance }

    struct Field: Equatable, Sendable {
        var name: String
        var value: String
    }

    let kind: Kind
    /// As people write it.
    let id: String
    private(set) var fields: [Field] = []

    init(_ kind: Kind, _ id: String) {
        self.kind = kind
        self.id = id
    }

    var name: String { "\(kind.rawValue) \(id)" }

    mutating func add(_ name: String, _ value: some BinaryInteger) {
        fields.append(Field(name: name, value: "\(value)"))
    }
    mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }
    mutating func add(_ name: String, _ value: Bool) {
        fields.append(Field(name: name, value: value ? "yes" : "no"))
    }

    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    func replacing(_ name: String, by value: String) -> ContentItem {
        var item = self
        for index in item.fields.indices where item.fields[index].name == name { item.fields[index].value = value }
        return item
    }

    /// Where two that should be equal differ; nil stands for one that is not there.
    static func differences(_ log: ContentItem?, _ server: ContentItem?) -> [ContentDifference] {
        guard let some = log ?? server else { return [] }
        guard let log, let server else {
            let difference = ContentDifference(
                item: some.name, field: "", log: log == nil ? "not there" : "there",
                server: server == nil ? "not there" : "there")
            return [difference]
        }
        return log.fields.compactMap { field in
            let other = server[field.name] ?? ""
            return other == field.value
                ? nil : ContentDifference(item: some.name, field: field.name, log: field.value, server: other)
        }
    }
}

struct ContentDifference: Equatable, Sendable {
    var item: String
    /// Empty: the whole of it.
    var field: String
    var log: String
    var server: String

    func text(_ server: String) -> String {
        "\(item)\(field.isEmpty ? "" : ": \(field)")  log: \(log), \(server): \(self.server)"
    }

    var json: String {
        var line = JsonLine()
        line.add("item", item)
        if !field.isEmpty { line.add("field", field) }
        line.add("log", log)
        line.add("server", server)
        return line.closed
    }
}

/// A sum over what is there, in any order: equal for equal content.
struct ContentDigest: Equatable, Sendable {
    private(set) var value: UInt64 = 0

    mutating func add(_ item: ContentItem) {
        var hash: UInt64 = 0
        for part in [item.kind.rawValue, item.id] + item.fields.flatMap({ [$0.name, $0.value] }) {
            for byte in part.utf8 { hash = Partition.mix(hash ^ UInt64(byte)) &+ 0x9e37_79b9 }
            hash = Partition.mix(hash ^ 0x100)
        }
        value &+= hash
    }
}

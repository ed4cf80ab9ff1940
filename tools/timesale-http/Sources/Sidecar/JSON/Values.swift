import TimesaleClient

/// The values of an object of a request, by the place of their field in the table. What the table allows has been
/// checked; what it requires is there.
struct Values: Sendable {
    let list: [FieldValue]
    /// Where the object begins in `list`: that of an array holds the values of all its objects.
    let first: Int

    init(_ list: [FieldValue], first: Int = 0) {
        self.list = list
        self.first = first
    }

    @inline(__always)
    subscript(_ field: Int) -> FieldValue { list[first + field] }

    func number(_ field: Int) -> UInt64? { if case .number(let value) = self[field] { value } else { nil } }

    func number(_ field: Int, else other: UInt64) -> UInt64 { number(field) ?? other }

    func text(_ field: Int) -> String? { if case .text(let value) = self[field] { value } else { nil } }

    /// Of a required field of kind `userId`.
    func user(_ field: Int) -> UserID {
        if case .id(let high, let low) = self[field] { UserID(high: high, low: low) } else { UserID(0) }
    }

    func operation<ID: UserOperationID>(_ field: Int) -> ID? {
        if case .id(let high, let low) = self[field] { ID(high: high, low: low) } else { nil }
    }

    /// The objects of an array, each with as many values as `fields` has.
    func objects(_ field: Int, _ fields: Fields) -> [Values] {
        guard case .objects(let all) = self[field] else { return [] }
        let width = fields.list.count
        return stride(from: 0, to: all.count, by: width).map { Values(all, first: $0) }
    }
}

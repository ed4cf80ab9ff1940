/// What a field of a request may hold.
indirect enum FieldKind: Sendable {
    /// The id of a sale or policy: 1 ..< 2^64, as a decimal text or a number.
    case offerId
    /// A user: a number below 2^64, or a UUID whose high half is not zero.
    case userId
    /// The id of an order, coupon, transaction or checkout: a UUID of version 7 or 8.
    case operationId
    /// Any UUID but zeros.
    case uuid
    case integer(ClosedRange<UInt64>)
    /// A number of seconds; fractions down to a millisecond. The value is in ms.
    case seconds(maxMs: UInt64)
    /// RFC 3339. The value is in ms since 1970.
    case time
    /// At most so many bytes of UTF-8, without control characters.
    case text(ClosedRange<Int>)
    case choice([String])
    /// Several of them, with commas in between: only in queries.
    case choices([String])
    /// A position in the log, as `TailPosition` writes it.
    case position
    /// An array of objects.
    case objects(Fields, count: ClosedRange<Int>)
}

/// A field of a request: of its body or its query.
struct Field: Sendable {
    let name: String
    let kind: FieldKind
    let isRequired: Bool
    let about: String
    let bytes: [UInt8]

    init(_ name: String, _ kind: FieldKind, required: Bool = false, _ about: String) {
        self.name = name
        self.kind = kind
        isRequired = required
        self.about = about
        bytes = Array(name.utf8)
    }
}

/// The fields of an object in a request. Reading, refusing and the OpenAPI document follow from the same table.
final class Fields: Sendable {
    let name: String
    let list: [Field]

    /// - Parameter name: as the schema is called in the OpenAPI document.
    init(_ name: String, _ list: Field...) {
        precondition(list.count <= 32, "the set of fields seen is a 32-bit mask")
        self.name = name
        self.list = list
    }

    var known: String { list.isEmpty ? "none" : list.map(\.name).joined(separator: ", ") }
}

/// The value of a field. `Values` holds those of an object in the order of its table.
enum FieldValue: Sendable {
    case absent
    /// Of numbers, ids of 64 bits, times and durations.
    case number(UInt64)
    /// Of ids of 128 bits.
    case id(high: UInt64, low: UInt64)
    case text(String)
    /// The values of all objects of an array, one behind the other.
    case objects([FieldValue])

    var isAbsent: Bool { if case .absent = self { true } else { false } }
}

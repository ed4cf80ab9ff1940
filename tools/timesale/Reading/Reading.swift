import ArgumentParser
import TimesaleClient

/// Reads the values of flags and arguments. An error is the rest of a sentence that began with the value.
enum Reading {
    static func address(_ text: String) throws -> ClientConfiguration.Address {
        try required(
            ClientConfiguration.Address(text), "write HOST:PORT, such as 127.0.0.1:7070, or unix:PATH")
    }

    static func sale(_ text: String) throws -> SaleID {
        try required(
            isDigits(text) ? SaleID(text).flatMap { $0.rawValue == 0 ? nil : $0 } : nil,
            "a sale is a whole number above 0")
    }

    static func order(_ text: String) throws -> OrderID {
        try required(OrderID(text), "an order is a UUID of version 7 or 8")
    }

    static func operation(_ text: String) throws -> OperationID {
        try required(
            OperationID(text),
            "an operation is a UUID of version 7 or 8 (in partition 0: xxxxxxxx-xxxx-V000-...)")
    }

    /// A UUID whose high half is zero would be the same user as a number, and come back as that.
    static func user(_ text: String) throws -> UserID {
        let user = isDigits(text) || text.contains("-") ? UserID(text) : nil
        return try required(
            user.flatMap { ($0.high == 0 && ($0.low == 0 || text.contains("-"))) ? nil : $0 },
            "a user is a whole number above 0 and below 2^64, or a UUID")
    }

    /// Units of an order.
    static func quantity(_ text: String) throws -> UInt32 { try number(text, in: 1...1_000_000) }

    /// Units of a sale.
    static func stock(_ text: String) throws -> UInt64 { try number(text, in: 1...(1 << 40)) }

    static func number<Value: FixedWidthInteger>(_ text: String, in range: ClosedRange<Value>) throws -> Value
    {
        try required(
            isDigits(text) ? Value(text).flatMap { range.contains($0) ? $0 : nil } : nil,
            "give a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    static func duration(_ text: String, in range: ClosedRange<UInt64>) throws -> Milliseconds {
        let bounds = "\(Milliseconds(range.lowerBound)) to \(Milliseconds(range.upperBound))"
        return try required(
            Milliseconds(text).flatMap { range.contains($0.value) ? $0 : nil },
            "give a whole number with ms, s, m, h or d, such as 30s, from \(bounds)")
    }

    static func moment(_ text: String) throws -> Moment {
        try required(
            Moment(text), "give a time such as 2026-11-27T10:00:00Z, or +10s for so long from now")
    }

    static func state(_ text: String) throws -> SaleState {
        let names = SaleState.allCases.map(\.name).joined(separator: ", ")
        return try required(SaleState.allCases.first { $0.name == text }, "give one of \(names)")
    }

    /// An idempotency key, as the HTTP API takes it.
    static func key(_ text: String) throws -> String {
        try required((1...255).contains(text.count) ? text : nil, "a key has 1 to 255 characters")
    }

    private static func required<Value>(_ value: Value?, _ wanted: String) throws -> Value {
        guard let value else { throw ValidationError(wanted) }
        return value
    }

    private static func isDigits(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

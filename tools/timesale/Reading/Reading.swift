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

    static func transaction(_ text: String) throws -> TransactionID {
        try required(TransactionID(text), "a transaction is a UUID of version 7 or 8")
    }

    static func coupon(_ text: String) throws -> CouponID {
        try required(CouponID(text), "a coupon is a UUID of version 7 or 8")
    }

    static func checkout(_ text: String) throws -> CheckoutID {
        try required(CheckoutID(text), "a checkout is a UUID of version 7 or 8")
    }

    /// A line of a checkout: `1001:2`, or `1001` for one unit.
    static func line(_ text: String) throws -> CheckoutLine {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let sale = try? sale(parts[0]),
            let quantity = parts.count == 1 ? 1 : try? quantity(parts[1])
        else {
            throw ValidationError(
                "a line is SALE:QUANTITY, such as 1001:2; a sale is a whole number above 0, a quantity 1 to 1000000")
        }
        return CheckoutLine(sale: sale, quantity: quantity)
    }

    /// A place in the events of a server.
    static func position(_ text: String) throws -> TailPosition {
        try required(TailPosition(text), "a position is SEQUENCE or SEQUENCE.INDEX, such as 812 or 812.3")
    }

    /// The id of something that is done for a user.
    static func id<ID: UserOperationID>(_ text: String) throws -> ID {
        try required(ID(text), "an id is a UUID of version 7 or 8")
    }

    static func policy(_ text: String) throws -> PolicyID {
        try required(
            isDigits(text) ? PolicyID(text).flatMap { $0.rawValue == 0 ? nil : $0 } : nil,
            "a policy is a whole number above 0")
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

    static func points(_ text: String) throws -> UInt32 { try number(text, in: 1...1_000_000_000) }

    /// Money, in the smallest unit of the currency.
    static func amount(_ text: String) throws -> UInt64 { try number(text, in: 1...(1 << 53 - 1)) }

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

    /// One of the states, by its name.
    static func state<State: CaseIterable>(_ text: String, _ name: (State) -> String) throws -> State {
        let names = State.allCases.map(name).joined(separator: ", ")
        return try required(State.allCases.first { name($0) == text }, "give one of \(names)")
    }

    /// A transaction's reason, as the server takes it.
    static func reason(_ text: String) throws -> String {
        let isShort = text.utf8.count <= 31
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
        return try required(
            isShort && isPlain ? text : nil, "a reason has at most 31 bytes, and no control characters")
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

import TimesaleClient

// Ids of operations: derived from the Idempotency-Key, so that nothing has to be kept here and a retry may come to any
// sidecar, after a restart of anything; random without a key.
extension Call {
    /// The id of what this request makes for a user.
    ///
    /// - Parameter path: what the key is scoped to; put together only if there is a key.
    func id<ID: UserOperationID>(for user: UserID, path: () -> String) -> ID {
        guard let idempotencyKey else { return .mint(for: user) }
        return ID(idempotencyKey: idempotencyKey, for: user, scope: path())
    }

    /// The id of an entry of a batch: of its own key, as if it had been sent alone; else of the batch's key and its
    /// place in it.
    func id<ID: UserOperationID>(
        for user: UserID, key: String?, path: () -> String, entry index: Int, batchPath: StaticString
    ) -> ID {
        if let key { return ID(idempotencyKey: key, for: user, scope: path()) }
        guard let idempotencyKey else { return .mint(for: user) }
        return ID(idempotencyKey: "\(index) \(idempotencyKey)", for: user, scope: "\(batchPath)")
    }

    /// The id of a creation or restocking.
    func operation(path: String) -> OperationID {
        idempotencyKey.map { OperationID(idempotencyKey: $0, scope: path) } ?? .mint()
    }

    /// A number for a sale or policy whose creator gave none: below 2^53, so that every reader of JSON can keep it.
    /// With a key it is the same each time.
    func drawnOffer(path: String) -> UInt64 {
        let all: UInt64
        if let idempotencyKey {
            all = OrderID(idempotencyKey: idempotencyKey, for: 0, scope: path + "#id").low
        } else {
            all = .random(in: .min ... .max)
        }
        return max(1, all & Scalar.amountMax)
    }
}

/// Reads the header `Idempotency-Key`.
enum IdempotencyKey {
    static let sizeMax = 255

    /// The same as a regular expression (ECMA-262, as the OpenAPI document has it): what a header can carry and `read`
    /// accepts, whose blanks at both ends HTTP has taken away.
    static let pattern: String = {
        let never = #"\u0000-\u0008\u000a-\u001f\u007f\ufffd"#
        let quoted = #""(?:[^"\\\#(never)]|\\["\\]){1,\#(sizeMax)}""#
        let bare = #"[^" \t\#(never)](?:[^\#(never)]{0,\#(sizeMax - 2)}[^ \t\#(never)])?"#
        return "^(?:\(quoted)|\(bare))$"
    }()

    /// The key, quoted as a string of RFC 8941 (as the IETF's draft writes it) or bare.
    static func read(_ header: String) throws(Problem) -> String {
        var key = header
        if header.utf8.first == UInt8(ascii: "\"") {
            guard let quoted = unquoted(header) else {
                throw .invalid("Idempotency-Key", "begins with a quote, but is no quoted text")
            }
            key = quoted
        }
        // What is no UTF-8 has become this character: two keys that differ could be the same then.
        guard !key.unicodeScalars.contains("\u{fffd}") else { throw .invalid("Idempotency-Key", "is not UTF-8") }
        guard (1...sizeMax).contains(key.unicodeScalars.count) else {
            throw .invalid("Idempotency-Key", "must have 1 to \(sizeMax) characters")
        }
        return key
    }

    private static func unquoted(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var isEscaped = false
        var isOpen = true
        for byte in text.utf8.dropFirst() {
            guard isOpen else { return nil }
            if isEscaped {
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { return nil }
                bytes.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isOpen = false
            } else {
                bytes.append(byte)
            }
        }
        return isOpen ? nil : String(validating: bytes, as: UTF8.self)
    }
}

/// What Redis says: RESP, version 2.
public indirect enum RESP: Equatable, Sendable {
    case text(String)
    case error(String)
    case integer(Int)
    case bulk([UInt8])
    case array([RESP])
    case null

    /// A string as commands consist of them.
    public static func bulk(_ bytes: [UInt8]) -> [UInt8] {
        Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    /// A command with its arguments.
    public static func command(_ parts: [[UInt8]]) -> [UInt8] {
        Array("*\(parts.count)\r\n".utf8) + parts.flatMap { bulk($0) }
    }

    /// The first whole value and its length in bytes; nil if it is not all there.
    public static func first(in bytes: [UInt8]) throws(LoadError) -> (value: RESP, length: Int)? {
        var fault: LoadError?
        let found = bytes.withUnsafeBytes { (room) -> (RESP, Int)? in
            guard let base = room.baseAddress else { return nil }
            var reader = Reader(base, room.count)
            do throws(LoadError) {
                return try reader.value().map { ($0, reader.offset) }
            } catch {
                fault = error
                return nil
            }
        }
        if let fault { throw fault }
        return found
    }

    /// Reads values off bytes that may end anywhere.
    struct Reader {
        /// The line that begins a value. Of a simple string and an error, the text is what comes before `offset`.
        enum Header: Equatable {
            case integer(Int)
            /// So many bytes follow, and a line's end.
            case bulk(Int)
            /// So many values follow.
            case array(Int)
            case null
            /// So many bytes of text, a line's end among them.
            case text(Int)
            case error(Int)
        }

        private let bytes: UnsafeRawPointer
        private let count: Int
        private(set) var offset = 0

        init(_ bytes: UnsafeRawPointer, _ count: Int) {
            self.bytes = bytes
            self.count = count
        }

        private func byte(_ place: Int) -> UInt8 { bytes.load(fromByteOffset: place, as: UInt8.self) }

        /// Reads a whole line with its end; of texts and errors only their first byte. Nil: it is not all there.
        mutating func header() throws(LoadError) -> Header? {
            guard offset < count else { return nil }
            let kind = byte(offset)
            if kind == UInt8(ascii: "+") || kind == UInt8(ascii: "-") {
                var end = offset + 1
                while end + 1 < count && byte(end) != UInt8(ascii: "\r") { end += 1 }
                guard end + 1 < count else { return nil }
                offset += 1
                let length = end + 2 - offset
                return kind == UInt8(ascii: "+") ? .text(length) : .error(length)
            }
            var place = offset + 1
            var isNegative = false
            if place < count && byte(place) == UInt8(ascii: "-") {
                isNegative = true
                place += 1
            }
            var number = 0
            while place < count, case let digit = byte(place) &- UInt8(ascii: "0"), digit < 10 {
                guard number < Int.max / 100 else { throw Self.noRESP }
                number = number * 10 + Int(digit)
                place += 1
            }
            guard place + 1 < count else { return nil }
            guard byte(place) == UInt8(ascii: "\r"), byte(place + 1) == UInt8(ascii: "\n") else { throw Self.noRESP }
            offset = place + 2
            switch kind {
            case UInt8(ascii: ":"): return .integer(isNegative ? -number : number)
            case UInt8(ascii: "$"): return isNegative ? .null : .bulk(number)
            case UInt8(ascii: "*"): return isNegative ? .null : .array(number)
            default: throw Self.noRESP
            }
        }

        /// The text behind a header, without its line's end.
        mutating func text(_ length: Int) -> String? {
            guard count - offset >= length else { return nil }
            defer { offset += length }
            return String(decoding: UnsafeRawBufferPointer(start: bytes + offset, count: length - 2), as: UTF8.self)
        }

        mutating func value() throws(LoadError) -> RESP? {
            guard let header = try header() else { return nil }
            switch header {
            case .integer(let number): return .integer(number)
            case .null: return .null
            case .text(let length): return text(length).map { .text($0) }
            case .error(let length): return text(length).map { .error($0) }
            case .bulk(let length):
                guard count - offset >= length + 2 else { return nil }
                defer { offset += length + 2 }
                return .bulk(Array(UnsafeRawBufferPointer(start: bytes + offset, count: length)))
            case .array(let length):
                var values: [RESP] = []
                for _ in 0..<length {
                    guard let value = try value() else { return nil }
                    values.append(value)
                }
                return .array(values)
            }
        }

        private static var noRESP: LoadError { LoadError(description: "what the server says is not RESP") }
    }
}

/// One connection for questions before and after a load.
public final class RedisConnection {
    private let socket: BlockingSocket

    public init(_ address: LoadPlan.Address) throws(LoadError) { socket = try BlockingSocket(connectingTo: address) }

    deinit { socket.close() }

    /// The answer to one command; an error of the server is thrown.
    public func call(_ parts: [[UInt8]]) throws(LoadError) -> RESP {
        try socket.send(RESP.command(parts))
        var bytes: [UInt8] = []
        while true {
            try socket.receive(into: &bytes)
            guard let (value, _) = try RESP.first(in: bytes) else { continue }
            if case .error(let text) = value { throw LoadError(description: "Redis: \(text)") }
            return value
        }
    }

    public func call(_ parts: String...) throws(LoadError) -> RESP { try call(parts.map { Array($0.utf8) }) }
}

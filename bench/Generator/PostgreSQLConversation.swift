/// What is said with PostgreSQL around a load: one question at a time, in text.
struct PostgreSQLConversation {
    private let socket: BlockingSocket
    private var bytes: [UInt8] = []

    init(_ socket: BlockingSocket) { self.socket = socket }

    struct Message: Equatable {
        var kind: UInt8
        var content: [UInt8]
    }

    /// The first whole message and its length; nil if it is not all there.
    static func first(in bytes: [UInt8]) -> (message: Message, length: Int)? {
        guard bytes.count >= 5 else { return nil }
        let length = bytes[1..<5].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count > length else { return nil }
        return (Message(kind: bytes[0], content: Array(bytes[5..<max(5, length + 1)])), max(5, length + 1))
    }

    /// Logs in, where the server trusts who comes (`trust` in its pg_hba.conf).
    mutating func begin(user: String, database: String) throws(LoadError) {
        let texts = ["user", user, "database", database]
        let settings: [UInt8] = texts.reduce(into: []) { $0 += Array($1.utf8) + [0] } + [0]
        // Protocol 3.0.
        try socket.send(Self.bytes(Int32(8 + settings.count)) + Self.bytes(Int32(3 << 16)) + settings)
        for message in try readUntilReady() where message.kind == UInt8(ascii: "R") {
            guard message.content == [0, 0, 0, 0] else {
                throw LoadError(description: "PostgreSQL asks for a password")
            }
        }
    }

    mutating func prepare(_ name: String, _ statement: String) throws(LoadError) {
        try socket.send(
            Self.message("P", Array(name.utf8) + [0] + Array(statement.utf8) + [0, 0, 0]) + Self.message("S", []))
        _ = try readUntilReady()
    }

    /// The rows of some statements, nulls as empty texts.
    mutating func query(_ statements: String) throws(LoadError) -> [[String]] {
        try socket.send(Self.message("Q", Array(statements.utf8) + [0]))
        return try readUntilReady().filter { $0.kind == UInt8(ascii: "D") }.map { Self.row($0.content) }
    }

    private static func row(_ content: [UInt8]) -> [String] {
        var place = 2
        var fields: [String] = []
        while place + 4 <= content.count {
            let length = Int(Int32(truncatingIfNeeded: content[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }))
            place += 4
            fields.append(String(decoding: content[place..<place + max(0, length)], as: UTF8.self))
            place += max(0, length)
        }
        return fields
    }

    /// All messages up to ReadyForQuery; an error among them is thrown then.
    private mutating func readUntilReady() throws(LoadError) -> [Message] {
        var messages: [Message] = []
        var fault: LoadError?
        while true {
            while let (message, length) = Self.first(in: bytes) {
                bytes.removeFirst(length)
                switch message.kind {
                case UInt8(ascii: "E"):
                    fault = Self.fault(message.content)
                case UInt8(ascii: "Z"):
                    if let fault { throw fault }
                    return messages
                default: messages.append(message)
                }
            }
            do throws(LoadError) {
                try socket.receive(into: &bytes)
            } catch {
                // After a fault during the login the server says no more.
                throw fault ?? error
            }
        }
    }

    /// What an ErrorResponse says: fields of a letter and a text each; C is the code, M the sentence.
    static func fault(_ content: [UInt8]) -> LoadError {
        let fields = content.split(separator: 0).map { ($0.first!, String(decoding: $0.dropFirst(), as: UTF8.self)) }
        let code = fields.first { $0.0 == UInt8(ascii: "C") }?.1 ?? ""
        let text = fields.first { $0.0 == UInt8(ascii: "M") }?.1 ?? ""
        return LoadError(description: "PostgreSQL: \(text) (\(code))")
    }

    private static func message(_ kind: Unicode.Scalar, _ content: [UInt8]) -> [UInt8] {
        [UInt8(ascii: kind)] + bytes(Int32(4 + content.count)) + content
    }

    private static func bytes(_ number: Int32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
}

/// One connection for questions before and after a load.
public final class PostgreSQLConnection {
    private let socket: BlockingSocket
    private var conversation: PostgreSQLConversation

    public init(_ address: LoadPlan.Address, user: String, database: String) throws(LoadError) {
        let socket = try BlockingSocket(connectingTo: address)
        var conversation = PostgreSQLConversation(socket)
        do throws(LoadError) {
            try conversation.begin(user: user, database: database)
        } catch {
            socket.close()
            throw error
        }
        self.socket = socket
        self.conversation = conversation
    }

    deinit { socket.close() }

    /// The rows of some statements; an error of the server is thrown.
    public func query(_ statements: String) throws(LoadError) -> [[String]] {
        try conversation.query(statements)
    }
}

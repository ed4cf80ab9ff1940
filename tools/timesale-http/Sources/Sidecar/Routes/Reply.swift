import NIOCore

/// An answer that is no problem.
struct Reply: Sendable {
    enum Body: Sendable {
        case bytes(ByteBuffer)
        /// Bytes as they come, until the function returns.
        case stream(@Sendable (StreamWriter) async throws -> Void)
    }

    var status = 200
    var contentType = "application/json"
    var body: Body
    /// Of what was made.
    var location: String?
    /// The engine had done it before; told only to who sent an Idempotency-Key.
    var isReplayed = false
    /// Of routes that have one: the version of what is answered, weak, since it may leave compressed or not.
    var tag: String?
    /// Further header fields.
    var fields: [HeaderField] = []

    init(_ write: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        write(&json)
        body = .bytes(json.buffer)
    }

    init(body: Body, contentType: String) {
        self.body = body
        self.contentType = contentType
    }

    /// The caller has this version already.
    static func notModified(_ tag: String) -> Reply {
        var reply = Reply(body: .bytes(ByteBuffer()), contentType: "")
        reply.status = 304
        reply.tag = tag
        return reply
    }

    static func created(_ location: String, replayed: Bool, _ write: (inout JSONWriter) -> Void) -> Reply {
        var reply = Reply(write)
        reply.status = 201
        reply.location = location
        reply.isReplayed = replayed
        return reply
    }

    static func changed(replayed: Bool, _ write: (inout JSONWriter) -> Void) -> Reply {
        var reply = Reply(write)
        reply.isReplayed = replayed
        return reply
    }

    /// A page of a list.
    static func list<Item>(
        _ items: [Item], next: (some CustomStringConvertible)?, _ write: (Item, inout JSONWriter) -> Void
    ) -> Reply {
        Reply { json in
            json.begin()
            json.key("items")
            json.beginArray()
            for item in items { write(item, &json) }
            json.endArray()
            json.key("nextCursor")
            if let next { json.text(next.description) } else { json.null() }
            json.end()
        }
    }
}

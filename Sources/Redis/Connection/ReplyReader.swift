import CHiredis

/// hiredis' parser of replies, with bounds: a server that is none, or has gone mad, costs neither the memory nor the
/// life of this process.
struct ReplyReader: ~Copyable {
    /// The most bytes of one reply.
    static let replyBytesMax = 32 << 20
    /// The most elements of one reply, those of arrays inside arrays included.
    static let replyElementsMax = 1 << 20

    struct Fault: Error { let why: String }

    private let reader: UnsafeMutablePointer<redisReader>
    /// What is left of `replyElementsMax`: hiredis allocates an array as soon as its length is announced.
    private let elementsLeft: UnsafeMutablePointer<Int>
    private var bytesOfReply = 0

    /// nil when there is no memory.
    init?() {
        guard let functions = boundedFunctions, let reader = redisReaderCreateWithFunctions(functions) else {
            return nil
        }
        self.reader = reader
        elementsLeft = .allocate(capacity: 1)
        elementsLeft.initialize(to: Self.replyElementsMax)
        reader.pointee.privdata = UnsafeMutableRawPointer(elementsLeft)
    }

    deinit {
        redisReaderFree(reader)
        elementsLeft.deallocate()
    }

    /// Whether bytes have come that are no part of a reply taken by `next`. hiredis takes the byte that tells the
    /// kind of a reply as soon as it is there.
    var hasMore: Bool {
        let isBegun = reader.pointee.ridx >= 0 && reader.pointee.rstack.0.type >= 0
        return isBegun || reader.pointee.pos < reader.pointee.len
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        bytesOfReply += bytes.count
        redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        try check()
    }

    /// The next whole reply; nil until more is fed.
    mutating func next() throws(Fault) -> RedisReply? {
        var found: UnsafeMutableRawPointer?
        redisReaderGetReply(reader, &found)
        try check()
        guard let found else {
            if bytesOfReply > Self.replyBytesMax {
                throw Fault(why: "a reply has more than \(Self.replyBytesMax >> 20) MiB")
            }
            return nil
        }
        defer { freeReplyObject(found) }
        bytesOfReply = 0
        elementsLeft.pointee = Self.replyElementsMax
        return Self.convert(found.assumingMemoryBound(to: redisReply.self))
    }

    private func check() throws(Fault) {
        if elementsLeft.pointee < 0 { throw Fault(why: "a reply has more than \(Self.replyElementsMax) elements") }
        if reader.pointee.err != 0 { throw Fault(why: Text.of(reader.pointee.errstr)) }
    }

    /// hiredis reads arrays at most 7 deep, which bounds the recursion.
    private static func convert(_ reply: UnsafePointer<redisReply>) -> RedisReply {
        let reply = reply.pointee
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_STRING: return .bytes(bytes(reply))
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            return .array((0..<reply.elements).map { reply.element[$0].map { convert($0) } ?? .null })
        default: return .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
    }
}

/// The text in an array of `char` that a C struct holds.
enum Text {
    static func of<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// What hiredis builds replies with, taken from a reader of its own, since it does not export it.
private let ownFunctions: redisReplyObjectFunctions? = {
    guard let reader = redisReaderCreate() else { return nil }
    defer { redisReaderFree(reader) }
    return reader.pointee.fn.pointee
}()

/// The same, but for arrays that are longer than the reader of the reply has elements left.
nonisolated(unsafe) private let boundedFunctions: UnsafeMutablePointer<redisReplyObjectFunctions>? = {
    guard var functions = ownFunctions else { return nil }
    functions.createArray = { task, elements in
        if let left = task?.pointee.privdata?.assumingMemoryBound(to: Int.self) {
            left.pointee -= Int(elements)
            if left.pointee < 0 { return nil }
        }
        return ownFunctions?.createArray(task, elements)
    }
    let place = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    place.initialize(to: functions)
    return place
}()

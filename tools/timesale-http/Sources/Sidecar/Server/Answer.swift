import HTTPTypes
import HummingbirdCore
import NIOCore

/// An answer as it leaves: status, header fields, body.
struct Answer {
    let status: HTTPResponse.Status
    var fields: HTTPFields
    private(set) var body: Reply.Body
    /// Nil for a success.
    let code: ProblemCode?

    init(_ reply: Reply, isKeyed: Bool) {
        status = Answer.status(reply.status)
        body = reply.body
        code = nil
        fields = HTTPFields()
        fields.reserveCapacity(6)
        if !reply.contentType.isEmpty { fields.append(HTTPField(name: .contentType, value: reply.contentType)) }
        if let location = reply.location { fields.append(HTTPField(name: .location, value: location)) }
        if isKeyed, reply.isReplayed { fields.append(HTTPField(name: .idempotencyReplayed, value: "true")) }
        if case .stream = reply.body { fields.append(HTTPField(name: .cacheControl, value: "no-store")) }
        fields.append(contentsOf: reply.fields)
    }

    init(_ problem: Problem) {
        var json = JSONWriter()
        problem.write(to: &json)
        status = Answer.status(problem.code.status)
        body = .bytes(json.buffer)
        code = problem.code
        fields = HTTPFields()
        fields.append(HTTPField(name: .contentType, value: "application/problem+json"))
        if let seconds = problem.retryAfter { fields.append(HTTPField(name: .retryAfter, value: "\(seconds)")) }
        if !problem.allow.isEmpty {
            fields.append(HTTPField(name: .allow, value: problem.allow.joined(separator: ", ")))
        }
        switch problem.code {
        case .unauthenticated:
            fields.append(HTTPField(name: .wwwAuthenticate, value: "Bearer realm=\"timesale\""))
        case .forbidden:
            guard let scope = problem.scope else { break }
            fields.append(
                HTTPField(
                    name: .wwwAuthenticate,
                    value: "Bearer realm=\"timesale\", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""))
        default: break
        }
    }

    private static func status(_ code: Int) -> HTTPResponse.Status {
        switch code {
        case 200: .ok
        case 201: .created
        case 409: .conflict
        case 507: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
        default: HTTPResponse.Status(code: code)
        }
    }

    /// Answers from this size on are worth the time that compressing them takes.
    static let compressedFrom = 8 << 10

    mutating func compress() {
        guard case .bytes(let bytes) = body, bytes.readableBytes >= Self.compressedFrom,
            let compressed = Gzip.compress(bytes)
        else { return }
        body = .bytes(compressed)
        fields.append(HTTPField(name: .contentEncoding, value: "gzip"))
        fields.append(HTTPField(name: .vary, value: "Accept-Encoding"))
    }

    @concurrent consuming func write(to writer: consuming ResponseWriter, isHead: Bool) async throws {
        switch body {
        case .bytes(let bytes):
            if status != .noContent {
                fields.append(HTTPField(name: .contentLength, value: String(bytes.readableBytes)))
            }
            let head = HTTPResponse(status: status, headerFields: fields)
            if isHead || bytes.readableBytes == 0 {
                try await writer.writeResponse(head)
            } else {
                try await writer.write(response: head, body: ResponseBody(byteBuffer: bytes))
            }
        case .stream(let stream):
            let head = HTTPResponse(status: status, headerFields: fields)
            if isHead {
                try await writer.writeResponse(head)
            } else {
                try await writer.write(
                    response: head,
                    body: ResponseBody { body in
                        var stream_ = StreamWriter(body)
                        try await stream(&stream_)
                        try await stream_.finish()
                    })
            }
        }
    }
}

/// Where a stream writes its bytes.
struct StreamWriter {
    private var body: any ResponseBodyWriter

    init(_ body: any ResponseBodyWriter) { self.body = body }

    @concurrent mutating func write(_ bytes: ByteBuffer) async throws { try await body.write(bytes) }

    @concurrent fileprivate consuming func finish() async throws { try await body.finish(nil) }
}

import NIOCore
import NIOHTTP1

/// An answer as it leaves: status, header fields, body.
struct Answer: Sendable {
    let status: HTTPResponseStatus
    private(set) var fields: [HeaderField]
    private(set) var body: Reply.Body
    /// Nil for a success.
    let code: ProblemCode?

    init(_ reply: Reply, isKeyed: Bool) {
        status = Answer.status(reply.status)
        body = reply.body
        code = nil
        fields = []
        fields.reserveCapacity(6)
        if !reply.contentType.isEmpty { fields.append(("Content-Type", reply.contentType)) }
        if let location = reply.location { fields.append(("Location", location)) }
        if isKeyed, reply.isReplayed { fields.append(("Idempotency-Replayed", "true")) }
        // A proxy that gathers before it passes on would hold a stream back.
        if case .stream = reply.body { fields += [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")] }
        if let tag = reply.tag { fields.append(("ETag", tag)) }
        fields += reply.fields
    }

    init(_ problem: Problem) {
        var json = JSONWriter()
        problem.write(to: &json)
        status = Answer.status(problem.code.status)
        body = .bytes(json.buffer)
        code = problem.code
        fields = [("Content-Type", "application/problem+json")]
        if let seconds = problem.retryAfter { fields.append(("Retry-After", "\(seconds)")) }
        if !problem.allow.isEmpty { fields.append(("Allow", problem.allow.joined(separator: ", "))) }
        switch problem.code {
        case .unauthenticated: fields.append(("WWW-Authenticate", "Bearer realm=\"timesale\""))
        case .forbidden:
            guard let scope = problem.scope else { break }
            fields.append(
                (
                    "WWW-Authenticate",
                    "Bearer realm=\"timesale\", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
                ))
        default: break
        }
    }

    private static func status(_ code: Int) -> HTTPResponseStatus {
        switch code {
        case 200: .ok
        case 201: .created
        case 409: .conflict
        default: HTTPResponseStatus(statusCode: code)
        }
    }

    mutating func add(_ more: [HeaderField]) { fields += more }

    /// Answers from this size on are worth the time that compressing them takes.
    static let compressedFrom = 8 << 10

    mutating func compress() {
        guard case .bytes(let bytes) = body, bytes.readableBytes >= Self.compressedFrom,
            let compressed = Gzip.compress(bytes)
        else { return }
        body = .bytes(compressed)
        fields += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    }

    /// - Parameter closes: whether the connection ends behind it.
    func head(closes: Bool) -> HTTPResponseHead {
        var fields = fields
        if case .bytes(let bytes) = body {
            // 204 has no length, 304 that of what it stands for (RFC 9110, 8.6).
            if status != .noContent, status != .notModified {
                fields.append(("Content-Length", String(bytes.readableBytes)))
            }
        } else {
            fields.append(("Transfer-Encoding", "chunked"))
        }
        if closes { fields.append(("Connection", "close")) }
        return HTTPResponseHead(version: .http1_1, status: status, headers: HTTPHeaders(fields))
    }
}

import HTTPTypes

/// What this server reads of a request's head: taken in one walk over its fields.
struct RequestHead: Sendable {
    let method: HTTPRequest.Method
    let path: Substring
    /// Nil if there is no question mark.
    let query: Substring?
    var authorization: String?
    var contentType: String?
    var contentLength: Int?
    var isChunked = false
    var idempotencyKey: String?
    var origin: String?
    var host: String?
    var forwardedFor: String?
    var acceptsGzip = false
    var isPreflight = false
    var closes = false

    init(_ head: HTTPRequest) {
        method = head.method
        let target = head.path ?? "/"
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        path = target[..<(end ?? target.endIndex)]
        query = end.map { target[target.utf8.index(after: $0)...] }
        host = head.authority
        for field in head.headerFields {
            switch field.name.canonicalName {
            case "authorization": authorization = field.value
            case "content-type": contentType = field.value
            case "content-length": contentLength = Int(field.value)
            case "transfer-encoding": isChunked = true
            case "idempotency-key": idempotencyKey = field.value
            case "origin": origin = field.value
            case "x-forwarded-for": forwardedFor = field.value
            case "accept-encoding": acceptsGzip = AcceptEncoding.allowsGzip(field.value)
            case "access-control-request-method": isPreflight = method == .options
            case "connection": closes = field.value.lowercased() == "close"
            default: break
            }
        }
    }

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    /// Whether the body says that it is JSON, in UTF-8.
    var isJSON: Bool {
        guard let contentType else { return false }
        if contentType == "application/json" { return true }
        let parts = contentType.split(separator: ";").map { part in
            part.lowercased().filter { !$0.isWhitespace && $0 != "\"" }
        }
        return parts.first == "application/json" && parts.dropFirst().allSatisfy { $0 == "charset=utf-8" }
    }
}

/// Reads the header `Accept-Encoding`.
enum AcceptEncoding {
    static func allowsGzip(_ header: String) -> Bool {
        header.split(separator: ",").contains { offer in
            let parts = offer.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let name = parts.first, name == "gzip" || name == "*" else { return false }
            return !parts.dropFirst().contains { $0.hasPrefix("q=0") && Double($0.dropFirst(2)) == 0 }
        }
    }
}

import HTTPTypes
import HummingbirdCore
import NIOCore

/// Takes each request from its head to the end of its answer: finds the route, checks who asks and how much is under way,
/// reads the body, asks the handler, writes what it says. One function in the place of a chain of middlewares, since
/// each of these is needed by every request.
struct Responder: Sendable {
    let services: Services
    let routes: [Route]
    let tree: RouteTree
    let authentication: Authentication
    let origins: Origins

    init(_ services: Services, routes: [Route]) {
        self.services = services
        self.routes = routes
        tree = RouteTree(routes)
        authentication = Authentication(services.options.tokens)
        origins = Origins(services.options.corsOrigins)
    }

    @concurrent func respond(
        to request: Request, _ writer: consuming ResponseWriter, origin: ConnectionOrigin
    ) async throws {
        let beganNs = TokenBuckets.nowNs()
        let head = RequestHead(request.head)
        let verdicts = services.limits.isOn ? RequestLimits.Verdicts() : nil
        var index: Int?
        var answer: Answer
        do throws(Problem) {
            let reply = try await reply(to: request, head, origin, verdicts, &index)
            answer = Answer(reply, isKeyed: head.idempotencyKey != nil)
        } catch {
            answer = Answer(error)
        }
        if let verdicts { answer.fields.append(contentsOf: verdicts.fields) }
        answer.fields.append(HTTPField(name: .date, value: origin.lane.httpDate))
        if head.origin != nil { origins.addFields(to: &answer.fields, head) }
        if answer.code == .tooLarge { answer.fields.append(HTTPField(name: .connection, value: "close")) }
        if head.closes { answer.fields.append(HTTPField(name: .connection, value: "close")) }
        if head.acceptsGzip { answer.compress() }
        try await answer.write(to: writer, isHead: head.method == .head)
        services.statistics.answered(
            route: index, code: answer.code, tookNs: TokenBuckets.nowNs() &- beganNs)
        // What is left of a body that is too large is not read.
        if answer.code == .tooLarge { throw UnreadBody() }
    }

    private func reply(
        to request: Request, _ head: RequestHead, _ origin: ConnectionOrigin, _ verdicts: RequestLimits.Verdicts?,
        _ index: inout Int?
    ) async throws(Problem) -> Reply {
        guard let (place, arguments) = tree.find(head.path) else { throw .noSuchPath }
        guard let found = place.index(of: head.method) else {
            if head.method == .options { return options(place, head) }
            var problem = Problem(.methodNotAllowed, "this path takes \(place.methods.joined(separator: ", "))")
            problem.allow = place.methods
            throw problem
        }
        index = found
        let route = routes[found]
        try origins.check(head)
        try authentication.check(head.authorization, route.scope)
        if services.limits.isLimitingAddresses, route.isBounded {
            try services.limits.address(address(head, origin), verdicts)
        }
        let key = try route.isChange ? head.idempotencyKey.map(read) : nil
        if route.isBounded, !route.isStream { try services.work.begin() }
        defer { if route.isBounded, !route.isStream { services.work.end() } }
        if route.isBounded { try services.breaker.admit() }
        let body = try await values(of: request, head, route)
        let call = Call(
            services: services, lane: origin.lane, arguments: arguments,
            query: Values(try Query.values(route.query, head.query)), body: body, idempotencyKey: key,
            verdicts: verdicts)
        var reply = try await route.handler(call)
        if reply.status == 200 { reply.status = route.status }
        return reply
    }

    private func read(_ header: String) throws(Problem) -> String { try IdempotencyKey.read(header) }

    /// The address that asks: behind a proxy that is trusted, the one that the proxy saw.
    private func address(_ head: RequestHead, _ origin: ConnectionOrigin) -> String {
        guard services.options.isForwardedForTrusted,
            let last = head.forwardedFor?.split(separator: ",").last
        else { return origin.address }
        return last.filter { !$0.isWhitespace }
    }

    private func values(of request: Request, _ head: RequestHead, _ route: Route) async throws(Problem) -> Values {
        guard head.hasBody else {
            guard let fields = route.body else { return Values([]) }
            return Values(try JSONReader.values(fields, in: UnsafeRawBufferPointer(start: nil, count: 0)).get())
        }
        // A body of GET means nothing (RFC 9110, 9.3.1); the connection skips it.
        guard let fields = route.body else { return Values([]) }
        let reserved = head.contentLength ?? route.bodyMax
        guard reserved <= route.bodyMax else { throw Responder.tooLarge(route) }
        guard head.isJSON else {
            throw Problem(.unsupportedMediaType, "say Content-Type: application/json")
        }
        try services.work.take(reserved)
        defer { services.work.give(reserved) }
        let buffer = try await Responder.collect(request.body, route)
        return Values(try buffer.withUnsafeReadableBytes { JSONReader.values(fields, in: $0) }.get())
    }

    private static func tooLarge(_ route: Route) -> Problem {
        Problem(.tooLarge, "a body here has at most \(route.bodyMax) bytes")
    }

    private static func collect(_ body: RequestBody, _ route: Route) async throws(Problem) -> ByteBuffer {
        var whole: ByteBuffer?
        do {
            for try await part in body {
                guard (whole?.readableBytes ?? 0) + part.readableBytes <= route.bodyMax else { throw tooLarge(route) }
                if whole == nil { whole = part } else { whole?.writeImmutableBuffer(part) }
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(.malformed, "the body did not come whole")
        }
        return whole ?? ByteBuffer()
    }

    private func options(_ place: RouteTree.Place, _ head: RequestHead) -> Reply {
        var reply = Reply(body: .bytes(ByteBuffer()), contentType: "")
        reply.status = 204
        reply.fields.append(HTTPField(name: .allow, value: place.methods.joined(separator: ", ")))
        if head.isPreflight { origins.addPreflightFields(to: &reply.fields, head, place.methods) }
        return reply
    }
}

/// Ends a connection whose request was not read whole.
struct UnreadBody: Error {}

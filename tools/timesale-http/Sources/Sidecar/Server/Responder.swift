import NIOCore

/// Makes the answer of each request: finds the route, checks who asks and how much is under way, reads the body, asks
/// the handler. One function in the place of a chain of middlewares, since each of these is needed by every request.
struct Responder: Sendable {
    let services: Services
    let routes: [Route]
    let tree: RouteTree
    let origins: Origins

    init(_ services: Services, routes: [Route]) {
        self.services = services
        self.routes = routes
        tree = RouteTree(routes)
        origins = Origins(services.options.corsOrigins)
    }

    /// The most bytes that a body may have at this path.
    func bodyMax(_ head: RequestHead) -> Int {
        guard let method = head.method, let index = tree.find(head.path)?.place.index(of: method) else {
            return Route.ordinaryBodyMax
        }
        return routes[index].bodyMax
    }

    /// Runs on the thread of the connection's lane.
    func answer(to request: IncomingRequest, origin: ConnectionOrigin) async -> Answer {
        let beganNs = TokenBuckets.nowNs()
        let head = request.head
        let verdicts = services.limits.isOn ? RequestLimits.Verdicts() : nil
        var index: Int?
        var answer: Answer
        do throws(Problem) {
            let reply = try await reply(to: request, head, origin, verdicts, &index)
            answer = Answer(reply, isKeyed: head.idempotencyKey != nil)
        } catch {
            answer = Answer(error)
        }
        if let verdicts { answer.add(verdicts.fields) }
        answer.add([("Date", origin.lane.httpDate)])
        if head.origin != nil { answer.add(origins.fields(head)) }
        if head.acceptsGzip { answer.compress() }
        services.statistics.answered(
            route: index, code: answer.code, tookNs: TokenBuckets.nowNs() &- beganNs)
        return answer
    }

    private func reply(
        to request: IncomingRequest, _ head: RequestHead, _ origin: ConnectionOrigin,
        _ verdicts: RequestLimits.Verdicts?, _ index: inout Int?
    ) async throws(Problem) -> Reply {
        guard let (place, arguments) = tree.find(head.path) else { throw .noSuchPath }
        guard let found = head.method.flatMap(place.index(of:)) else {
            if head.isOptions { return options(place, head) }
            var problem = Problem(.methodNotAllowed, "this path takes \(place.methods.joined(separator: ", "))")
            problem.allow = place.methods
            throw problem
        }
        index = found
        let route = routes[found]
        try origins.check(head)
        try services.authentication.check(head.authorization, scope(of: route))
        if services.limits.isLimitingAddresses, route.isBounded {
            try services.limits.address(address(head, origin), verdicts)
        }
        let key = try route.isChange ? head.idempotencyKey.map(read) : nil
        if route.isBounded, !route.isStream { try services.work.begin() }
        defer { if route.isBounded, !route.isStream { services.work.end() } }
        if route.isBounded, route.needsEngine { try services.breaker.admit() }
        let body = try values(of: request, route)
        let call = Call(
            services: services, lane: origin.lane, arguments: arguments,
            query: Values(try Query.values(route.query, head.query)), body: body, idempotencyKey: key,
            verdicts: verdicts)
        var reply = try await route.handler(call)
        if let tag = reply.tag, head.has(tag) { return .notModified(tag) }
        if reply.status == 200 { reply.status = route.status }
        return reply
    }

    private func scope(of route: Route) -> Scope {
        route.path == MetricsRoutes.path && services.options.metrics == .open ? .none : route.scope
    }

    private func read(_ header: String) throws(Problem) -> String { try IdempotencyKey.read(header) }

    /// The address that asks: behind a proxy that is trusted, the one that the proxy saw.
    private func address(_ head: RequestHead, _ origin: ConnectionOrigin) -> String {
        guard services.options.isForwardedForTrusted,
            let last = head.forwardedFor?.split(separator: ",").last
        else { return origin.address }
        return last.filter { !$0.isWhitespace }
    }

    private func values(of request: IncomingRequest, _ route: Route) throws(Problem) -> Values {
        // A body of GET means nothing (RFC 9110, 9.3.1).
        guard let fields = route.body else { return Values([]) }
        let body = request.body
        if let fault = request.fault { throw fault }
        guard !request.head.hasBody || request.head.isJSON else {
            throw Problem(.unsupportedMediaType, "say Content-Type: application/json")
        }
        return Values(try body.withUnsafeReadableBytes { JSONReader.values(fields, in: $0) }.get())
    }

    private func options(_ place: RouteTree.Place, _ head: RequestHead) -> Reply {
        var reply = Reply(body: .bytes(ByteBuffer()), contentType: "")
        reply.status = 204
        reply.fields = [("Allow", place.methods.joined(separator: ", "))]
        if head.isPreflight { reply.fields += origins.preflightFields(head, place.methods) }
        return reply
    }
}

/// Pages of browsers: which origins may ask, and that no other page makes a browser change something here.
struct Origins: Sendable {
    private let allowed: Set<String>

    /// - Parameter allowed: such as `https://shop.example`; `*` for all.
    init(_ allowed: [String]) { self.allowed = Set(allowed) }

    private func isAllowed(_ origin: String) -> Bool { allowed.contains(origin) || allowed.contains("*") }

    /// A page of another origin cannot read answers without CORS, but it could send: to a sidecar on the loopback
    /// address without tokens that would be enough. Browsers say whose page it is.
    func check(_ head: RequestHead) throws(Problem) {
        guard let origin = head.origin, head.method == .post, !isAllowed(origin) else { return }
        let own = origin.split(separator: "/", maxSplits: 1).last.map { $0.drop { $0 == "/" } }
        guard own.map(String.init) == head.host else {
            throw Problem(.forbidden, "pages of \(origin.prefix(100)) may not do this; see --cors-origin")
        }
    }

    func fields(_ head: RequestHead) -> [HeaderField] {
        guard !allowed.isEmpty, let origin = head.origin else { return [] }
        guard isAllowed(origin) else { return [("Vary", "Origin")] }
        return [
            ("Vary", "Origin"), ("Access-Control-Allow-Origin", allowed.contains("*") ? "*" : origin),
            (
                "Access-Control-Expose-Headers",
                "Location, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After"
            ),
        ]
    }

    func preflightFields(_ head: RequestHead, _ methods: [String]) -> [HeaderField] {
        guard let origin = head.origin, isAllowed(origin) else { return [] }
        return [
            ("Access-Control-Allow-Methods", methods.joined(separator: ", ")),
            ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key"),
            ("Access-Control-Max-Age", "600"),
        ]
    }
}

import NIOCore

/// The dashboard's page. Its files lie in `Dashboard`, and in the executable.
enum DashboardRoutes {
    static let routes: [Route] = [
        route("/", "The dashboard.", "text/html", PackageResources.dashboard_html),
        route("/dashboard.css", "Its style.", "text/css", PackageResources.dashboard_css),
        route("/dashboard.js", "What it does.", "text/javascript", PackageResources.dashboard_js),
    ]

    /// Nothing but these files: no script of a name that somebody gave to a sale could run, no other page can frame it.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'
        """

    private static func route(_ path: String, _ about: String, _ mediaType: String, _ file: [UInt8]) -> Route {
        let bytes = ByteBuffer(bytes: file)
        let tag = "W/\"\(String(checksum(file), radix: 16))\""
        return Route(
            method: .get, path: path, about: about, scope: .none, answer: .other(mediaType: mediaType), hasTag: true,
            isBounded: false,
            handler: { _ in
                var reply = Reply(body: .bytes(bytes), contentType: mediaType)
                reply.tag = tag
                reply.fields = [
                    ("Cache-Control", "no-cache"), ("Content-Security-Policy", policy),
                    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                ]
                return reply
            })
    }

    /// FNV-1a: tells one version of a file from another.
    static func checksum(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

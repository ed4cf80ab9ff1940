import Redis
import Testing

/// Shows how addresses are read: each form, each mistake with its sentence, and that no sentence repeats a password.
@Suite struct AddressTests {
    struct Form: Sendable {
        let text: String
        let endpoint: RedisEndpoint
        var user: String?
        var password: String?
        var database = 0
    }

    static let forms: [Form] = [
        Form(text: "redis://shop.example", endpoint: .tcp(host: "shop.example", port: 6379)),
        Form(text: "redis://127.0.0.1:7000", endpoint: .tcp(host: "127.0.0.1", port: 7000)),
        Form(text: "redis://127.0.0.1/", endpoint: .tcp(host: "127.0.0.1", port: 6379)),
        Form(text: "redis://h:1/15", endpoint: .tcp(host: "h", port: 1), database: 15),
        Form(text: "redis://h/3", endpoint: .tcp(host: "h", port: 6379), database: 3),
        Form(text: "redis://h?db=4", endpoint: .tcp(host: "h", port: 6379), database: 4),
        Form(text: "redis://[::1]", endpoint: .tcp(host: "::1", port: 6379)),
        Form(text: "redis://[fe80::1]:65535/1", endpoint: .tcp(host: "fe80::1", port: 65535), database: 1),
        Form(text: "redis://:secret@h", endpoint: .tcp(host: "h", port: 6379), password: "secret"),
        Form(text: "redis://me:secret@h", endpoint: .tcp(host: "h", port: 6379), user: "me", password: "secret"),
        Form(text: "redis://me@h", endpoint: .tcp(host: "h", port: 6379), user: "me"),
        Form(text: "redis://me:a:b@c@h:2", endpoint: .tcp(host: "h", port: 2), user: "me", password: "a:b@c"),
        Form(
            text: "redis://m%65:%2f%3F%23%40%25@h", endpoint: .tcp(host: "h", port: 6379), user: "me",
            password: "/?#@%"),
        Form(text: "redis+unix:///run/redis.sock", endpoint: .unix(path: "/run/redis.sock")),
        Form(text: "redis+unix:///run/a%20b?db=2", endpoint: .unix(path: "/run/a b"), database: 2),
        Form(text: "redis+unix://me:pw@/run/r", endpoint: .unix(path: "/run/r"), user: "me", password: "pw"),
        Form(text: "unix:///run/r", endpoint: .unix(path: "/run/r")),
        Form(text: "unix:/run/50%r?", endpoint: .unix(path: "/run/50%r?")),
        Form(text: "unix:redis.sock", endpoint: .unix(path: "redis.sock")),
    ]

    @Test(arguments: forms.indices) func isRead(_ index: Int) throws {
        let form = Self.forms[index]
        let address = try RedisAddress.parse(form.text).get()
        #expect(address.endpoint == form.endpoint)
        #expect(address.credentials.user == form.user)
        #expect(address.credentials.password == form.password.map { .bytes(Array($0.utf8)) })
        #expect(address.database == form.database)
        // What a log shows is read as the same place.
        let shown = try RedisAddress.parse(address.description).get()
        #expect(shown.database == form.database && shown.endpoint == form.endpoint)
        #expect(shown.credentials.user == form.user && shown.credentials.password == nil)
    }

    static let faults: [(text: String, says: String)] = [
        ("", "is no address"), ("127.0.0.1:6379", "is no address"), ("http://h", "is no address"),
        ("rediss://:secret@h", "docs/redis.md"), ("redis://", "names no host"), ("redis://:6379", "names no host"),
        ("redis://a b", "names no host"), ("redis://h:", "no valid port"), ("redis://h:0", "no valid port"),
        ("redis://h:65536", "no valid port"), ("redis://h:+1", "no valid port"), ("redis://h:secret", "no valid port"),
        ("redis://::1", "in brackets"), ("redis://me:secret", "no valid port"), ("redis://[::1", "no IPv6 address"),
        ("redis://[127.0.0.1]", "no IPv6 address"), ("redis://[::1]x", "no valid port"),
        ("redis://h/x", "no number of a database"), ("redis://h/-1", "no number of a database"),
        ("redis://h/1/2", "no number of a database"), ("redis://h/9999999", "no number of a database"),
        ("redis://h/1?db=2", "two databases"), ("redis://h?timeout=2", "other than ?db="),
        ("redis://h#1", "other than ?db="), ("redis://me:se/cret@h", "as %2F"), ("redis://:%zz@h", "write % as %25"),
        ("redis://:secret%@h", "write % as %25"), ("redis://%ff:secret@h", "user that is no text"),
        ("redis+unix://run/r", "has no path"), ("redis+unix://", "has no path"), ("unix:", "has no path"),
        ("redis+unix:///run/%00", "has no path"), ("redis+unix:///r?x=1", "other than ?db="),
        ("unix:/" + String(repeating: "x", count: 107), "108 bytes"),
    ]

    @Test(arguments: faults.indices) func aMistakeIsNamed(_ index: Int) {
        let (text, says) = Self.faults[index]
        guard case .failure(let fault) = RedisAddress.parse(text) else {
            Issue.record("\(text) was read")
            return
        }
        #expect(fault.text.contains(says), "\(text): \(fault.text)")
        #expect(!fault.text.contains("secret") && !RedisAddress.redacted(text).contains("secret"))
    }

    @Test func sentinelsAreRead() throws {
        let plain = try RedisSentinels.parse("10.0.0.1:1,[::1]:2,h/shop").get()
        let places: [(String, UInt16)] = [("10.0.0.1", 1), ("::1", 2), ("h", 26379)]
        #expect(plain.endpoints == places.map { .tcp(host: $0.0, port: $0.1) })
        #expect(plain.master == "shop" && plain.database == 0 && plain.credentials == RedisCredentials())
        let full = try RedisSentinels.parse("redis+sentinel://me:p%2Fw@h,h:26379,i/shop/3?sentinel-user=watch").get()
        #expect(full.endpoints == [.tcp(host: "h", port: 26379), .tcp(host: "i", port: 26379)])
        #expect(full.credentials == RedisCredentials(user: "me", password: .bytes(Array("p/w".utf8))))
        #expect(full.master == "shop" && full.database == 3 && full.sentinelCredentials.user == "watch")
    }

    static let sentinelFaults: [(text: String, says: String)] = [
        ("", "names no master"), ("h:1", "names no master"), ("h:1/", "names no master"), ("/shop", "names no host"),
        ("h:1,/shop", "names no host"), ("h:x/shop", "no valid port"), ("h/shop/x", "no number of a database"),
        ("h/shop/1/2", "names no master"), ("h/shop?user=1", "?sentinel-user="), (":se/cret@h/shop", "as %2F"),
    ]

    @Test(arguments: sentinelFaults.indices) func aMistakeInSentinelsIsNamed(_ index: Int) {
        let (text, says) = Self.sentinelFaults[index]
        guard case .failure(let fault) = RedisSentinels.parse(text) else {
            Issue.record("\(text) was read")
            return
        }
        #expect(fault.text.contains(says), "\(text): \(fault.text)")
        #expect(!fault.text.contains("cret"))
    }

    @Test func nothingShowsAPassword() throws {
        let address = try RedisAddress.parse("redis://me:secret@h:1/2").get()
        let sentinels = try RedisSentinels.parse("me:secret@h/shop").get()
        var dumped = ""
        dump(address, to: &dumped)
        dump(sentinels, to: &dumped)
        dump(RedisSettings(place: .servers([address])), to: &dumped)
        let shown = [dumped, "\(address)", "\(sentinels)", String(reflecting: address), String(reflecting: sentinels)]
        for text in shown { #expect(!text.contains("secret") && !text.contains("115"), "\(text)") }
        #expect("\(address)" == "redis://me@h:1/2")
    }
}

import Glibc
import NIOCore
import Synchronization
import TimesaleClient

/// One event loop with everything that its requests need: they are read, decided and answered on its thread, and their
/// calls to the engine leave from there, in common frames with those of other requests.
final class Lane: Sendable {
    let loop: any EventLoop
    let client: TimesaleClient
    private let date = Mutex((second: 0, text: ""))

    init(_ loop: any EventLoop, _ configuration: ClientConfiguration) {
        self.loop = loop
        client = TimesaleClient(configuration, eventLoopGroup: loop)
    }

    /// For the header `Date`: made once a second.
    var httpDate: String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return date.withLock { date in
            if date.second != now.tv_sec {
                date = (now.tv_sec, Lane.httpDate(second: now.tv_sec))
            }
            return date.text
        }
    }

    /// As RFC 9110 wants it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func httpDate(second: Int) -> String {
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return """
            \(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) \
            \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT
            """
    }
}

/// Where a connection comes from, and which lane serves it.
final class ConnectionOrigin: Sendable {
    let lane: Lane
    /// The caller's address, without its port; of a unix socket it is empty.
    let address: String

    init(lane: Lane, address: String) {
        self.lane = lane
        self.address = address
    }
}

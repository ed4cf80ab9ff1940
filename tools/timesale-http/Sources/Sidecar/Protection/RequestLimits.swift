import Synchronization
import TimesaleClient

/// The rates at which one user may be served, and one address may ask. Both are off unless they are configured: a
/// shop's back end is one address that speaks for all its users.
final class RequestLimits: Sendable {
    /// What a rate is about.
    enum Kind: String, CaseIterable, Sendable { case user, address }

    private let users: TokenBuckets?
    private let addresses: TokenBuckets?

    private let onRefusal: @Sendable (Kind) -> Void

    /// - Parameter onRefusal: is told of each request that is refused.
    init(_ options: SidecarOptions, onRefusal: @escaping @Sendable (Kind) -> Void) {
        self.onRefusal = onRefusal
        users = options.userRate.map { TokenBuckets(rate: $0.rate, burst: $0.burst) }
        addresses = options.addressRate.map { TokenBuckets(rate: $0.rate, burst: $0.burst) }
    }

    var isLimitingAddresses: Bool { addresses != nil }

    /// What the limits said of a request, for the header fields of its answer.
    final class Verdicts: Sendable {
        private let list = Mutex<[HeaderField]>([])

        fileprivate func append(_ fields: [HeaderField]) { list.withLock { $0 += fields } }
        var fields: [HeaderField] { list.withLock { $0 } }
    }

    func address(_ address: String, _ verdicts: Verdicts?) throws(Problem) {
        guard let addresses else { return }
        try judge(addresses, .address, hash(address), verdicts)
    }

    /// Called where the user of a request is known: from its body or its path.
    func user(_ user: UserID, _ verdicts: Verdicts?) throws(Problem) {
        guard let users else { return }
        try judge(users, .user, hash(user), verdicts)
    }

    private func hash(_ key: some Hashable) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(key)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private func judge(
        _ buckets: TokenBuckets, _ kind: Kind, _ key: UInt64, _ verdicts: Verdicts?
    ) throws(Problem) {
        let verdict = buckets.take(key)
        let seconds = max(1, buckets.burst / buckets.rate)
        verdicts?.append([
            ("RateLimit-Policy", "\"\(kind.rawValue)\";q=\(buckets.burst);w=\(seconds)"),
            ("RateLimit", "\"\(kind.rawValue)\";r=\(verdict.remaining);t=\(verdict.resetSeconds)"),
        ])
        guard verdict.isAllowed else {
            onRefusal(kind)
            var problem = Problem(
                .rateLimited,
                "this \(kind.rawValue) may ask \(buckets.rate) times a second, \(buckets.burst) times at once")
            problem.retryAfterSeconds = verdict.resetSeconds
            throw problem
        }
    }

    var isOn: Bool { users != nil || addresses != nil }
}

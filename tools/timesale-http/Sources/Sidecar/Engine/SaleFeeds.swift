import Synchronization
import TimesaleClient

/// The stock of sales for whoever watches: each sale that somebody watches is asked for ten times a second, once for
/// all who watch it.
final class SaleFeeds: Sendable {
    static let interval = Duration.milliseconds(100)

    private struct State {
        var feeds: [SaleID: Feed] = [:]
        var streams = 0
        var isStopped = false
    }

    private struct Feed {
        var watchers: [UInt64: AsyncStream<Sale>.Continuation] = [:]
        var task: Task<Void, Never>?
        var last: Sale?
    }

    let streamsMax: Int
    private let state = Mutex(State())
    private let number = Atomic<UInt64>(0)

    init(streamsMax: Int) { self.streamsMax = streamsMax }

    /// Streams that are open now.
    var streams: Int { state.withLock { $0.streams } }

    /// The place of a stream among those that may be open: given back when nobody holds it any more, also where the
    /// stream never began, as after a HEAD.
    final class Place: Sendable {
        private let feeds: SaleFeeds
        fileprivate init(_ feeds: SaleFeeds) { self.feeds = feeds }
        deinit { feeds.state.withLock { $0.streams -= 1 } }
    }

    /// A place for a stream of any kind.
    func enter() throws(Problem) -> Place {
        let isIn = state.withLock { state in
            guard state.streams < streamsMax, !state.isStopped else { return false }
            state.streams += 1
            return true
        }
        guard isIn else { throw Problem(.busy, "\(streamsMax) streams are open, which is the most") }
        return Place(self)
    }

    /// The sale whenever it has changed, the newest state only. Ends when the sidecar stops.
    func watch(_ id: SaleID, _ client: TimesaleClient) -> AsyncStream<Sale> {
        let watcher = number.add(1, ordering: .relaxed).newValue
        let (stream, continuation) = AsyncStream.makeStream(of: Sale.self, bufferingPolicy: .bufferingNewest(1))
        continuation.onTermination = { [weak self] _ in self?.unwatch(id, watcher) }
        let isStopped = state.withLock { state in
            if state.isStopped { return true }
            var feed = state.feeds[id] ?? Feed()
            feed.watchers[watcher] = continuation
            if let last = feed.last { continuation.yield(last) }
            if feed.task == nil { feed.task = Task { [weak self] in await SaleFeeds.follow(id, client, self) } }
            state.feeds[id] = feed
            return false
        }
        // Not under the lock: the end of a stream takes it out of its feed.
        if isStopped { continuation.finish() }
        return stream
    }

    private func unwatch(_ id: SaleID, _ watcher: UInt64) {
        state.withLock { state in
            state.feeds[id]?.watchers[watcher] = nil
            if state.feeds[id]?.watchers.isEmpty == true {
                state.feeds[id]?.task?.cancel()
                state.feeds[id] = nil
            }
        }
    }

    private static func follow(_ id: SaleID, _ client: TimesaleClient, _ feeds: SaleFeeds?) async {
        while !Task.isCancelled {
            // While the engine is away there is nothing new to tell.
            if let sale = try? await client.sale(id) { feeds?.tell(sale) }
            try? await Task.sleep(for: interval)
        }
    }

    private func tell(_ sale: Sale) {
        state.withLock { state in
            guard var feed = state.feeds[sale.id], feed.last != sale else { return }
            feed.last = sale
            for continuation in feed.watchers.values { continuation.yield(sale) }
            state.feeds[sale.id] = feed
        }
    }

    /// Ends all streams, for good.
    func stop() {
        state.withLock { $0.isStopped = true }
        endAll()
    }

    /// Ends all streams; whoever may watch can come again.
    func endAll() {
        let ended = state.withLock { state in
            defer { state.feeds = [:] }
            return Array(state.feeds.values)
        }
        for feed in ended {
            feed.task?.cancel()
            for continuation in feed.watchers.values { continuation.finish() }
        }
    }
}

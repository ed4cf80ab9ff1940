import Logging
import Synchronization
import TimesaleClient

/// What all requests of the process share.
final class Services: Sendable {
    let options: SidecarOptions
    let lanes: [Lane]
    let breaker = Breaker()
    let live = LiveFeed()
    let limits: RequestLimits
    let work: WorkBound
    let feeds: SaleFeeds
    let statistics: SidecarStatistics
    let logger: Logger
    private let isStoppingFlag = Atomic<Bool>(false)

    init(_ options: SidecarOptions, lanes: [Lane], routes: Int, logger: Logger) {
        self.options = options
        self.lanes = lanes
        self.logger = logger
        limits = RequestLimits(options)
        work = WorkBound(requestsMax: options.requestCountMax)
        feeds = SaleFeeds(streamsMax: options.streamCountMax)
        statistics = SidecarStatistics(routes: routes)
    }

    /// It was asked to stop: it is not ready any more, streams end, requests are finished.
    var isStopping: Bool { isStoppingFlag.load(ordering: .relaxed) }

    func stop() {
        isStoppingFlag.store(true, ordering: .relaxed)
        feeds.stop()
        live.stop()
    }

    var isReady: Bool { !isStopping && breaker.state == .closed }
}

import Logging
import Synchronization
import TimesaleClient

/// What all requests of the process share.
final class Services: Sendable {
    let options: SidecarOptions
    let lanes: [Lane]
    let breaker: Breaker
    let live = LiveFeed()
    let limits: RequestLimits
    let work: WorkBound
    let feeds: SaleFeeds
    let statistics: SidecarStatistics
    let registry: MetricsRegistry
    let scrape = SharedReading<EngineScrape?>()
    let connections = LiveCount()
    /// When the process began, in seconds since 1970.
    let startSeconds = ProcessReading.now()
    let logger: Logger
    private let isStoppingFlag = Atomic<Bool>(false)

    init(_ options: SidecarOptions, lanes: [Lane], routes: [Route], logger: Logger) {
        self.options = options
        self.lanes = lanes
        self.logger = logger
        let registry = MetricsRegistry(SidecarFamilies.all, boundsUs: SidecarStatistics.latencyBoundsUs)
        let statistics = SidecarStatistics(registry, routes: routes)
        self.registry = registry
        self.statistics = statistics
        breaker = Breaker(registry)
        limits = RequestLimits(options) { statistics.refusedForRate($0) }
        work = WorkBound(requestsMax: options.requestCountMax)
        feeds = SaleFeeds(streamsMax: options.streamCountMax)
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

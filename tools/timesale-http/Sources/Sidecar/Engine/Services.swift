import Logging
import Settings
import Synchronization
import TimesaleClient

/// What all requests of the process share.
final class Services: Sendable {
    let options: SidecarOptions
    let lanes: [Lane]
    let breaker: Breaker
    let live = LiveFeed()
    let authentication: Authentication
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
        authentication = Authentication(options.tokens)
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

    /// The token files have changed. One that cannot be read, or says nothing sensible, changes nothing.
    ///
    /// Requests are held against the new tokens from now on. Where a token is gone all streams end, since one of them
    /// may be its; whoever still may watch comes back.
    func readTokens() {
        if let path = options.engineTokenFile {
            reading("the engine's token stays as it was") { () throws(OptionsError) in
                let token = try SidecarOptions.engineToken(path)
                // Any token of a file can be sent: its length and its bytes were looked at.
                for lane in lanes { try? lane.client.present(token: token) }
                logger.notice("the engine's token read again")
            }
        }
        if let path = options.tokenFile {
            reading("the tokens stay as they were") { () throws(OptionsError) in
                let tokens = try TokenFile.read(path)
                let (added, removed) = authentication.replace(tokens)
                if removed > 0 {
                    feeds.endAll()
                    live.endAll()
                }
                logger.notice("tokens read again: \(tokens.count), of them \(added) new; \(removed) removed")
            }
        } else if options.engineTokenFile == nil {
            logger.notice("SIGHUP: there is no --token-file and no --engine-token-file to read again")
        }
    }

    private func reading(_ otherwise: String, _ body: () throws(OptionsError) -> Void) {
        do throws(OptionsError) {
            try body()
        } catch {
            logger.error("\(otherwise): \(error.message)")
        }
    }

    var isReady: Bool { !isStopping && breaker.state == .closed }
}

import Foundation
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import TimesaleClient
import UnixSignals

/// The sidecar at work: listens, watches the engine, and stops in order.
struct SidecarServer: Sendable {
    let options: SidecarOptions
    let logger: Logger
    /// Gets the address once requests are taken.
    let onReady: @Sendable (String) -> Void

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: options.threadCount)
        var configuration = ClientConfiguration(options.engine)
        configuration.token = options.engineToken
        configuration.timeoutMs = UInt32(options.engineTimeoutMs)
        configuration.whenFull = .refuse
        let lanes = (0..<options.threadCount).map { _ in Lane(group.next(), configuration) }
        let routes = RouteTable.routes
        let services = Services(options, lanes: lanes, routes: routes, logger: logger)
        do {
            try await serve(services, routes, group)
        } catch {
            await close(lanes, group)
            throw error
        }
        await close(lanes, group)
    }

    private func serve(_ services: Services, _ routes: [Route], _ group: MultiThreadedEventLoopGroup) async throws {
        let responder = Responder(services, routes: routes)
        let server = try builder(services, responder).buildServer(
            configuration: ServerConfiguration(
                address: options.bindAddress, backlog: 4096,
                availableConnectionsDelegate: .maximum(options.connectionCountMax, logger: quiet)),
            eventLoopGroup: group, logger: quiet,
            responder: { _, _, _ in },
            onServerRunning: { channel in
                onReady(options.spelling(of: channel.localAddress))
            })
        let watch = EngineWatch(lanes: services.lanes, breaker: services.breaker, logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: watch, successTerminationBehavior: .ignore), .init(service: server)],
            logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        let group = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await stopInOrder(services, group) }
            try await group.run()
            tasks.cancelAll()
        }
    }

    /// Waits for a signal to stop; SIGHUP before it has the tokens read again. Not ready first, so that a load
    /// balancer has time to see it; then no new connections, and an end when the last request is answered.
    private func stopInOrder(_ services: Services, _ group: ServiceGroup) async {
        var signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup).makeAsyncIterator()
        var signal = await signals.next()
        while signal == .sighup {
            services.readTokens()
            signal = await signals.next()
        }
        guard signal != nil else { return }
        logger.info("stopping: requests that are under way are finished")
        services.stop()
        try? await Task.sleep(for: .milliseconds(Int64(options.stopDelayMs)))
        await group.triggerGracefulShutdown()
    }

    /// Hummingbird tells of every start in words of its own.
    private var quiet: Logger {
        var quiet = logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        return quiet
    }

    private func builder(_ services: Services, _ responder: Responder) throws -> HTTPServerBuilder {
        let http = HTTPServerBuilder { _ in
            LaneChannel(responder: responder, lanes: services.lanes, options: options)
        }
        guard let certificate = options.tlsCertificate, let key = options.tlsKey else { return http }
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        tls.minimumTLSVersion = .tlsv12
        return try .tls(http, tlsConfiguration: tls)
    }

    private func close(_ lanes: [Lane], _ group: MultiThreadedEventLoopGroup) async {
        for lane in lanes { await lane.client.shutdown(withinMs: 1_000) }
        try? await group.shutdownGracefully()
    }
}

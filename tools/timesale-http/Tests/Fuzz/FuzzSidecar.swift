import FuzzEngine
import Fuzzing
import Logging
import NIOCore
import NIOEmbedded
import TimesaleClient

@testable import Sidecar

/// A sidecar and its engine in one thread: bytes of an HTTP connection go in, answers come out. Between them is what a
/// process runs too, from the decoding of HTTP over the client library to the shards; only sockets and threads are not.
final class FuzzSidecar {
    /// Those that end: no streams, and nothing that another thread of the engine answers.
    static let routes = RouteTable.routes.filter { !$0.isStream && $0.path != "/v1/events" }
    static let tree = RouteTree(routes)

    let link: FuzzLink
    private let loop = EmbeddedEventLoop()
    private let channel: EmbeddedChannel
    private var received: [UInt8] = []

    init() {
        var configuration = ClientConfiguration(.unix(path: "unused"))
        configuration.whenFull = .refuse
        let lane = Lane(loop, configuration)
        let shards = FuzzShards(shards: 1)
        // Ids are minted by the clock of this machine.
        shards.nowMs = Timestamp.nowMs()
        link = FuzzLink(lane.client, loop, shards)
        while link.exchange() {}
        let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        let services = Services(SidecarOptions(), lanes: [lane], routes: Self.routes, logger: logger)
        services.breaker.answered(true)
        let responder = Responder(services, routes: Self.routes)
        channel = EmbeddedChannel(loop: loop)
        _ = LaneChannel(responder: responder, lanes: [lane], options: services.options)
            .setup(channel: channel, logger: logger)
        guard let address = try? SocketAddress(unixDomainSocketPath: "unused") else { violated("a path is no address") }
        channel.connect(to: address, promise: nil)
        loop.run()
    }

    /// Whether the connection takes another request.
    var isOpen: Bool { channel.isActive }

    /// Sends bytes and waits for all that comes of them.
    func exchange(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        _ = try? channel.writeInbound(ByteBuffer(bytes: Array(bytes)))
        repeat { loop.run() } while link.exchange()
        var received: [UInt8] = []
        while let part = try? channel.readOutbound(as: IOData.self) {
            if case .byteBuffer(let buffer) = part { received += buffer.readableBytesView }
        }
        return received
    }

    /// Ends the connection and the engine, which has to be in order.
    func end() {
        if channel.isActive { channel.close(promise: nil) }
        loop.run()
        link.close()
        _ = try? channel.finish(acceptAlreadyClosed: true)
        link.shards.checkOffers()
    }
}

internal import NIOCore
internal import NIOPosix
internal import Protocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

// Attempts to connect, and the waits between them.
extension ConnectionPool {
    private static let anyShard: UInt16 = 0xffff

    /// Which link an attempt is for.
    private enum Target {
        case scout
        case shard(Int)
    }

    func connectWhatIsMissing() {
        guard !isClosed else { return }
        guard liveCount.load(ordering: .relaxed) > 0 else { return attempt(.scout) }
        for shard in 0..<shards.load(ordering: .relaxed) { attempt(.shard(shard)) }
    }

    private subscript(_ target: Target) -> Link {
        get {
            switch target {
            case .scout: scout
            case .shard(let shard): links[shard]
            }
        }
        set {
            switch target {
            case .scout: scout = newValue
            case .shard(let shard): links[shard] = newValue
            }
        }
    }

    /// Begins an attempt, unless there is a connection, an attempt or a wait already.
    private func attempt(_ target: Target) {
        let link = self[target]
        guard link.connection == nil, !link.isConnecting, link.retryAt == nil else { return }
        self[target].isConnecting = true
        let wanted: UInt16 = if case .shard(let shard) = target { UInt16(shard) } else { Self.anyShard }
        let connection = ServerConnection(pool: self, wantedShard: wanted, token: token)
        let addressIndex = addressIndex
        let timeout = TimeAmount.milliseconds(Int64(configuration.connectTimeoutMs))
        let handshakeLimit = eventLoop.scheduleTask(in: timeout) { connection.end(.noHandshake) }

        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 12, initial: 1 << 16, maximum: 1 << 20)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let connecting: EventLoopFuture<any Channel> =
            switch configuration.addresses[addressIndex] {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        connecting.hop(to: eventLoop).whenComplete { result in
            switch result {
            case .failure(let error):
                handshakeLimit.cancel()
                self.failed(target, .unreachable(errno: Self.errorNumber(error)), addressIndex)
            case .success:
                self.watchHandshake(connection, handshakeLimit, target, addressIndex)
            }
        }
    }

    /// The attempt is over when the handshake has been answered, or the channel has closed instead.
    private func watchHandshake(
        _ connection: ServerConnection, _ limit: Scheduled<Void>, _ target: Target, _ addressIndex: Int
    ) {
        connection.whenHandshakeEnds {
            limit.cancel()
            if connection.phase == .live || connection.shard != nil {
                self[target].isConnecting = false
                self.connectWhatIsMissing()
            } else {
                self.failed(target, connection.fault, addressIndex)
            }
        }
    }

    private func failed(_ target: Target, _ fault: ConnectionFault, _ addressIndex: Int) {
        counters.connectionsFailed.add(1, ordering: .relaxed)
        lastFault = fault
        self[target].isConnecting = false
        self[target].failures += 1
        guard !isClosed else { return }
        if liveCount.load(ordering: .relaxed) == 0, addressIndex == self.addressIndex {
            self.addressIndex = (addressIndex + 1) % configuration.addresses.count
        }
        if case .refused(let code) = fault, code != .busy, code != .shuttingDown { failUnsent(code) }
        let delayMs = reconnectDelayMs(failures: self[target].failures)
        self[target].retryAt = eventLoop.scheduleTask(in: .milliseconds(delayMs)) {
            self[target].retryAt = nil
            self.connectWhatIsMissing()
        }
    }

    /// Doubles once all addresses were tried; the upper half is random.
    private func reconnectDelayMs(failures: Int) -> Int64 {
        let rounds = min((failures - 1) / configuration.addresses.count, 20)
        let minMs = UInt64(max(1, configuration.reconnectDelayMinMs))
        let delayMs = min(minMs << UInt64(rounds), max(minMs, UInt64(configuration.reconnectDelayMaxMs)))
        return Int64(UInt64.random(in: ((delayMs + 1) / 2)...delayMs))
    }

    private static func errorNumber(_ error: any Error) -> Int32 {
        switch error {
        case let error as IOError: error.errnoCode
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { errorNumber($0.error) } ?? 0
        case let error as ChannelError:
            if case .connectTimeout = error { ETIMEDOUT } else { 0 }
        default: 0
        }
    }
}

import NIOCore
import Synchronization

/// Makes the events of a feed, one behind the other.
protocol LiveReader {
    /// The next event, whole, as it goes to the viewers.
    mutating func read() async -> ByteBuffer
}

/// What the dashboard shows, for all who watch: read once for all of them, by a reader that the first viewer starts and
/// that ends behind the last.
///
/// Each event says all, so a viewer that reads slowly misses those in between: only the newest waits for it.
final class LiveFeed: Sendable {
    static let interval = Duration.milliseconds(500)
    static let viewersMax = 64

    private struct State {
        var viewers: [UInt64: AsyncStream<ByteBuffer>.Continuation] = [:]
        var nextViewer: UInt64 = 0
        var task: Task<Void, Never>?
        /// Which reader speaks: one that was told to end may still have an event under way.
        var reader: UInt64 = 0
        var newest: ByteBuffer?
        var isStopped = false

        /// Ends the reader. What it has said last is old when somebody comes again.
        mutating func end() {
            task?.cancel()
            task = nil
            newest = nil
        }
    }

    private let interval: Duration
    private let viewersMax: Int
    private let state = Mutex(State())

    init(interval: Duration = LiveFeed.interval, viewersMax: Int = LiveFeed.viewersMax) {
        self.interval = interval
        self.viewersMax = viewersMax
    }

    /// Those who watch now.
    var viewers: Int { state.withLock { $0.viewers.count } }

    /// The newest event at once if there is one, then each as it comes, for as long as the stream is held. Ends when
    /// the sidecar stops.
    ///
    /// - Parameter makeReader: called if nobody watches yet.
    func watch(
        _ makeReader: @escaping @Sendable () -> any LiveReader
    ) throws(Problem) -> AsyncStream<ByteBuffer> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ByteBuffer.self, bufferingPolicy: .bufferingNewest(1))
        let viewer: UInt64? = state.withLock { state in
            guard state.viewers.count < viewersMax, !state.isStopped else { return nil }
            let viewer = state.nextViewer
            state.nextViewer += 1
            state.viewers[viewer] = continuation
            if let newest = state.newest { continuation.yield(newest) }
            if state.task == nil {
                state.reader += 1
                let (reader, interval) = (state.reader, interval)
                state.task = Task { [weak self] in
                    var events = makeReader()
                    while !Task.isCancelled {
                        let event = await events.read()
                        self?.tell(event, from: reader)
                        try? await Task.sleep(for: interval)
                    }
                }
            }
            return viewer
        }
        guard let viewer else { throw Problem(.busy, "\(viewersMax) watch already, which is the most") }
        // What may end it before this is `stop`, which takes it out itself.
        continuation.onTermination = { [weak self] _ in self?.leave(viewer) }
        return stream
    }

    private func tell(_ event: ByteBuffer, from reader: UInt64) {
        state.withLock { state in
            guard state.reader == reader, state.task != nil else { return }
            state.newest = event
            for continuation in state.viewers.values { continuation.yield(event) }
        }
    }

    private func leave(_ viewer: UInt64) {
        state.withLock { state in
            state.viewers[viewer] = nil
            if state.viewers.isEmpty { state.end() }
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
            state.end()
            defer { state.viewers = [:] }
            return Array(state.viewers.values)
        }
        // Not under the lock: the end of a stream takes its viewer out.
        for continuation in ended { continuation.finish() }
    }
}

import NIOCore
import TimesaleClient

/// What happens: the durable events of the engine, and the stock of a sale as it changes.
enum EventRoutes {
    static let routes: [Route] = [
        Route(
            method: .get, path: "/v1/events",
            about:
                "The durable events behind a position, in order, each exactly once. `nextCursor` is the position to go "
                + "on from. With `wait` the answer comes as soon as something has happened.",
            scope: .admin, query: EventQuery.fields, answer: .list(TailEvent.shape), problems: [.gone],
            handler: events),
        Route(
            method: .get, path: "/v1/timesales/{id}/events",
            about:
                "Server-sent events: `stock` with the sale, at once and whenever it changes, at most 10 a second.",
            answer: .stream(Sale.shape), isStream: true, handler: stock),
    ]

    enum EventQuery {
        static let after = 0
        static let limit = 1
        static let wait = 2
        static let fields = Fields(
            "Events",
            Field("after", .position, "The seq of the last event that was seen; 0, the default: none was."),
            Field("limit", .integer(1...1000), "The most events to give; 20 unless it is given."),
            Field("wait", .seconds(maxMs: 60_000), "How long to wait for an event if there is none."))
    }

    /// So long a question to the engine waits: in between the sidecar sees whether it was asked to stop.
    private static let waitSliceMs: UInt64 = 1_000

    @Sendable static func events(_ call: Call) async throws(Problem) -> Reply {
        let limit = Int(call.query.number(EventQuery.limit, else: 20))
        var position = call.query.text(EventQuery.after).flatMap { TailPosition($0) } ?? .beginning
        var restMs = call.query.number(EventQuery.wait, else: 0)
        while true {
            let sliceMs = call.services.isStopping ? 0 : min(restMs, waitSliceMs)
            let after = position
            let batch: TailBatch
            do throws(Problem) {
                batch = try await call.engine { client throws(TimesaleError) in
                    try await client.tailBatch(after: after, limit: limit, waitMs: UInt32(sliceMs))
                }
            } catch {
                guard error.code == .invalid else { throw error }
                throw .invalid("after", "is ahead of everything that has happened")
            }
            position = batch.position
            restMs -= sliceMs
            // Blocks may hold nothing that is told: then there may be more behind them.
            if !batch.events.isEmpty || (position == after && restMs == 0) || call.services.isStopping {
                return .list(batch.events, next: position) { $0.write(to: &$1) }
            }
        }
    }

    @Sendable static func stock(_ call: Call) async throws(Problem) -> Reply {
        let id = SaleID(try call.offer())
        let client = call.lane.client
        let services = call.services
        let sale = try await call.engine { client throws(TimesaleError) in try await client.sale(id) }
        let place = try services.feeds.enter()
        return Reply(
            body: .stream({ (writer: StreamWriter) async throws -> Void in
                defer { withExtendedLifetime(place) {} }
                try await writer.write(serverSentEvent("stock") { sale.write(to: &$0) })
                var last = sale
                for await event in Heartbeats.mixed(into: services.feeds.watch(id, client)) {
                    switch event {
                    case .value(let sale):
                        guard sale != last else { continue }
                        last = sale
                        try await writer.write(serverSentEvent("stock") { sale.write(to: &$0) })
                    case .heartbeat:
                        try await writer.write(ByteBuffer(string: ": still here\n\n"))
                    }
                }
            }), contentType: "text/event-stream")
    }
}

/// An event of a stream (HTML Living Standard, server-sent events), its data JSON on one line.
func serverSentEvent(_ name: StaticString, _ write: (inout JSONWriter) -> Void) -> ByteBuffer {
    var json = JSONWriter()
    json.raw("event: ")
    json.raw(name)
    json.raw("\ndata:")
    write(&json)
    json.raw("\n\n")
    return json.buffer
}

/// Tells a stream on which nothing happens that it still is one: proxies close silent connections, and a writer learns
/// only by writing that its reader is gone.
enum Heartbeats<Value: Sendable>: Sendable {
    case value(Value)
    case heartbeat

    static var interval: Duration { .seconds(15) }

    static func mixed(into values: AsyncStream<Value>) -> AsyncStream<Heartbeats<Value>> {
        let (mixed, continuation) = AsyncStream.makeStream(
            of: Heartbeats<Value>.self, bufferingPolicy: .bufferingNewest(2))
        let task = Task {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    while !Task.isCancelled {
                        do { try await Task.sleep(for: interval) } catch { return }
                        continuation.yield(.heartbeat)
                    }
                }
                tasks.addTask {
                    for await value in values { continuation.yield(.value(value)) }
                }
                // The values end first, or the reader is gone.
                _ = await tasks.next()
                tasks.cancelAll()
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return mixed
    }
}

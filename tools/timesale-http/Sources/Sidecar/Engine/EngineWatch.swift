import Logging
import ServiceLifecycle
import TimesaleClient

/// Sees whether the engine is there: opens the breaker when all connections are lost, and closes it when the engine
/// answers again. Nothing has to be restarted for that.
struct EngineWatch: Service {
    /// How often it looks; a returned engine is found within twice this time.
    static let interval = Duration.milliseconds(50)
    /// Looks in a row without a connection, after which the breaker opens: shorter than that is a restart that callers
    /// need not notice.
    static let looksMax = 6

    let lanes: [Lane]
    let breaker: Breaker
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looksWithout = 0
            var wasClosed = false
            while !Task.isCancelled {
                if breaker.state == .closed {
                    wasClosed = true
                    looksWithout = isConnected ? 0 : looksWithout + 1
                    if looksWithout >= Self.looksMax {
                        breaker.open()
                        logger.warning("the engine is gone; requests are refused until it is back")
                    }
                } else {
                    breaker.tryAgain()
                    let answers = await everyLaneAnswers()
                    breaker.answered(answers)
                    if answers {
                        looksWithout = 0
                        logger.info(wasClosed ? "the engine is back" : "the engine answers")
                    }
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    private var isConnected: Bool { lanes.allSatisfy { $0.client.status.connections > 0 } }

    /// An engine that is still recovering does not answer.
    private func everyLaneAnswers() async -> Bool {
        for lane in lanes {
            do {
                try await lane.client.ping(timeoutMs: 1_000)
            } catch {
                return false
            }
        }
        return true
    }
}

import Logging
import ServiceLifecycle
import TimesaleClient

/// Sees whether the engine is there: opens the breaker when all connections are lost, and closes it when the engine
/// answers again. Nothing has to be restarted for that.
struct EngineWatch: Service {
    /// How often it looks; a returned engine is found within twice this time.
    static let interval = Duration.milliseconds(50)

    let lanes: [Lane]
    let breaker: Breaker
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var absence = Absence()
            var wasClosed = false
            while !Task.isCancelled {
                if breaker.state == .closed {
                    wasClosed = true
                    if absence.isLong(connections: lanes.map(\.client.status.connections)) {
                        breaker.open()
                        logger.warning("the engine is gone; requests are refused until it is back")
                    }
                } else {
                    breaker.tryAgain()
                    let answers = await everyLaneAnswers()
                    breaker.answered(answers)
                    if answers {
                        absence = Absence()
                        logger.info(wasClosed ? "the engine is back" : "the engine answers")
                    }
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

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

/// For how many looks in a row nobody has had a connection to the engine.
struct Absence {
    /// After so many it is away; less than that is a restart that callers need not notice.
    static let looksMax = 6

    private var looks = 0

    /// Takes in one look.
    ///
    /// Lanes connect anew each by itself, up to a quarter of a second apart: the first that has done it shows that the
    /// engine is back. What the others were asked meanwhile waits in them.
    /// - Parameter connections: how many each lane has.
    mutating func isLong(connections: [Int]) -> Bool {
        looks = connections.contains { $0 > 0 } ? 0 : looks + 1
        return looks >= Self.looksMax
    }
}

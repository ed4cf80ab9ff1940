import Foundation
import Glibc
import TimesaleClient

/// A connected client, and where its answers go.
struct Session: Sendable {
    let client: TimesaleClient
    let configuration: ClientConfiguration
    let output: Output
    private let wording: [RefusalCode: String]
    private let connectionWords: [String]

    var address: ClientConfiguration.Address { configuration.addresses[0] }

    /// Connects.
    ///
    /// - Throws: `Failure`: at once if nobody listens, else when the time is over.
    static func open(_ options: CommonOptions, wording: [RefusalCode: String]) async throws -> Session {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try options.configuration(environment)
        let session = Session(
            client: TimesaleClient(configuration), configuration: configuration,
            output: Output(isJSON: options.json, environment: environment), wording: wording,
            connectionWords: options.words)
        do {
            try await connect(session.client)
        } catch let error as TimesaleError {
            throw session.failure(error)
        }
        return session
    }

    /// Another client of the same server.
    func another() async throws -> TimesaleClient {
        let client = TimesaleClient(configuration)
        try await Self.connect(client)
        return client
    }

    /// The client would go on trying until the deadline. That nobody listens is known at once, and a person waits.
    private static func connect(_ client: TimesaleClient) async throws {
        let deadline = ContinuousClock.now + .milliseconds(Int64(client.configuration.timeoutMs))
        while true {
            let left = (deadline - .now) / .milliseconds(1)
            do throws(TimesaleError) {
                try await client.ping(timeoutMs: UInt32(max(1, min(left, 250))))
                return
            } catch {
                switch error {
                case .unavailable(.unreachable(ECONNREFUSED)), .unavailable(.unreachable(ENOENT)): throw error
                case .unavailable, .timedOut: if left <= 250 { throw error }
                default: throw error
                }
            }
        }
    }

    /// Makes a call that may change something. An unknown outcome is told together with the command that asks again.
    func change<Answer>(
        again words: @autoclosure () -> [String], _ call: () async throws(TimesaleError) -> Answer
    ) async throws -> Answer {
        do throws(TimesaleError) {
            return try await call()
        } catch {
            throw failure(error, again: words())
        }
    }

    /// What an error of a call means to a person.
    ///
    /// - Parameter words: the command that makes the call again with the same id, if it may have changed something.
    func failure(_ error: TimesaleError, again words: [String]? = nil) -> Failure {
        Failure(error, address: address, wording: wording, again: words.map(command))
    }

    /// A command as a person would type it to reach this server.
    func command(_ words: [String]) -> String {
        ShellWord.line([Self.invocation] + words + connectionWords)
    }

    /// How the tool was called: whoever typed `bin/timesale` has none in the PATH.
    private static let invocation: String = {
        let name = CommandLine.arguments.first ?? ""
        return name.contains("/") ? name : "timesale"
    }()

    /// A moment in ms since 1970; one that counts from now is asked of the server's clock.
    func ms(_ moment: Moment) async throws -> UInt64 {
        guard moment.isRelative else { return moment.ms(nowMs: 0) }
        return moment.ms(nowMs: try await client.ping().serverTimeMs)
    }
}

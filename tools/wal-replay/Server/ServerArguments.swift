import ArgumentParser
import CommandLineTool
import Foundation
import TimesaleClient

/// How a command reaches a server.
struct ServerArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the server's token, as for timesale. Also: TIMESALE_TOKEN holds the token itself.",
            valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("How long to wait for each answer, in seconds.", valueName: "seconds"))
    var timeout: UInt32 = 30

    func validate() throws {
        if !(1...3600).contains(timeout) {
            throw ValidationError("--timeout is a whole number of seconds, 1 to 3600")
        }
    }

    static func address(_ text: String) throws -> ClientConfiguration.Address {
        guard let address = ClientConfiguration.Address(text) else {
            throw ValidationError("write HOST:PORT, such as 127.0.0.1:7070, or unix:PATH")
        }
        return address
    }

    func connect(_ address: ClientConfiguration.Address) async throws -> TimesaleClient {
        var configuration = ClientConfiguration(address)
        do {
            configuration.token =
                try tokenFile.map(TokenFile.read) ?? ProcessInfo.processInfo.environment["TIMESALE_TOKEN"] ?? ""
        } catch let failure as Failure {
            throw Refusal(failure.message)
        }
        configuration.timeoutMs = timeout * 1000
        configuration.connectTimeoutMs = min(5000, configuration.timeoutMs)
        do throws(TimesaleError) {
            return try await TimesaleClient.connect(configuration)
        } catch {
            throw Refusal("\(address): \(error)")
        }
    }
}

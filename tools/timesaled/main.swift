// timesaled: reads the options, runs the server.

import Engine
import Foundation
import Log
import Logging
import Server
import ServerOptions
import Settings

extension Options {
    /// The same, as the server takes it.
    var configuration: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.listen = listen.map {
            switch $0 {
            case .tcp(let host, let port): .tcp(host: host, port: port)
            case .unix(let path): .unix(path: path)
            }
        }
        configuration.dataDirectory = dataDirectory
        configuration.shards = shardCount
        switch fsync {
        case .always: configuration.fsync = .always
        case .everysec: configuration.fsync = .everysec
        case .no: configuration.fsync = .no
        }
        configuration.tokens = tokens.compactMap(AccessToken.init)
        if let path = tokenFile {
            configuration.readTokens = { () throws(ServerError) in try readTokens(path) }
        }
        configuration.capacities = Capacities(
            users: userCountMax, orders: orderCountMax, transactions: transactionCountMax,
            checkouts: checkoutCountMax, coupons: couponCountMax, offers: saleCountMax)
        configuration.areTablesResident = tables == .resident
        configuration.connectionCountMax = connectionCountMax
        configuration.retainMs = retainMs
        configuration.graceMs = graceMs
        configuration.segmentSizeBytes = segmentSizeBytes
        configuration.logAheadBytes = logAheadBytes
        configuration.snapshotAfterBytes = snapshotAfterBytes
        configuration.archiveDirectory = archiveDirectory
        configuration.clientTimeoutMs = clientTimeoutMs
        configuration.queueDelayMs = queueDelayMs
        configuration.pinnedCPUs = pinnedCPUs
        configuration.redis = redis
        return configuration
    }
}

extension AccessToken {
    fileprivate init?(_ token: Token) {
        self.init(String(decoding: token.bytes, as: UTF8.self), isAdmin: token.scope == .admin)
    }
}

/// The tokens of a file, as the server takes them.
private func readTokens(_ path: String) throws(ServerError) -> [AccessToken] {
    do throws(OptionsError) {
        return try TokenFile.read(path).compactMap(AccessToken.init)
    } catch {
        throw ServerError(sentence: error.message)
    }
}

/// Runs until the server is asked to stop; returns the exit code.
func runServer(_ options: Options) -> Int32 {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "timesaled")
    logger.logLevel = Logger.Level(rawValue: options.logLevel.rawValue) ?? .info
    do throws(ServerError) {
        logger.debug("options: \(options)")
        try Server.run(options.configuration, logger: logger) { line in
            if line == "ready" { ServiceNotice.send("READY=1") }
            // A reader at the other end of a pipe waits for it: no buffering.
            FileHandle.standardOutput.write(Data((line + "\n").utf8))
        }
        return 0
    } catch {
        FileHandle.standardError.write(Data("timesaled: \(error.sentence)\n".utf8))
        return 1
    }
}

/// A function of its own: variables at the top level would belong to the main actor.
func main() -> Int32 {
    if CommandLine.arguments.dropFirst().first == SnapshotProcess.argument {
        return SnapshotProcess.run(Array(CommandLine.arguments.dropFirst(2)))
    }
    do throws(OptionsError) {
        let options = try Options.parse(
            arguments: Array(CommandLine.arguments.dropFirst()),
            environment: ProcessInfo.processInfo.environment)
        return runServer(options)
    } catch .information(let text) {
        print(text)
        return 0
    } catch {
        FileHandle.standardError.write(Data("timesaled: \(error.message)\n".utf8))
        return error.exitCode
    }
}

exit(main())

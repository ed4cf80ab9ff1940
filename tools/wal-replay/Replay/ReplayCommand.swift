import ArgumentParser
import CommandLineTool
import Log
import TimesaleClient

/// Sends what a log recorded to another server.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract:
            "Sends the recorded operations to another server, as they came or faster, and compares the content.",
        discussion: """
            The other server should be fresh. It gets every accepted operation with its own id, so that a replay \
            that was interrupted can be run again. What the log goes on from is made first, out of the records of \
            its oldest snapshot, as fast as possible; then the log, with its timing.

            Operations of one user follow each other, a change of the catalogue is answered before anything goes \
            on, and what is refused for want of units is tried again when all before it are over. Windows of sales \
            and policies are left open, times of expiry move with the replay; what time alone did is not sent \
            (docs/wal-replay.md).

            At the end the content of both is compared: sales, policies and what users have, without the times. \
            Exits with 0 if everything was accepted and the content is the same.

              timesaled --data fresh --listen unix:/tmp/fresh.sock --retain 30d &
              wal-replay replay DIR --to unix:/tmp/fresh.sock --speed max
            """)

    @OptionGroup var argument: DirectoryArgument

    @Option(
        help: ArgumentHelp("The other server: HOST:PORT or unix:PATH.", valueName: "address"),
        transform: ServerArguments.address)
    var to: ClientConfiguration.Address

    @OptionGroup var server: ServerArguments

    @Option(help: ArgumentHelp("How many times faster than it was recorded, or max.", valueName: "number|max"))
    var speed = ReplaySpeed.times(1)

    @Option(help: ArgumentHelp("Of how many users to compare the content, or all.", valueName: "count|all"))
    var users = UserCount.all

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let storage = try argument.open()
        let client = try await server.connect(to)
        do {
            let state = try StateAt.load(storage, until: nil)
            let recording = try Recording(storage, untilSequence: state.sequence)
            let topology = try await client.topology()
            try refuseOldIds(recording, topology)
            let sender = Sender(
                client, shiftMs: topology.serverTimeMs - min(topology.serverTimeMs, recording.firstTimeMs))
            let begin = ContinuousClock.now
            try await sender.run { send in try await recording.play(speed, sender.tally, send) }
            let duration = ContinuousClock.now - begin
            let comparison = try await ContentComparison(
                state, ComparedServer(client: client), users: users, forgotten: recording.forgotten)
            let report = await ReplayReport(sender.tally, duration, comparison, recording)
            var output = Output()
            for line in json ? [report.json] : report.lines("\(to)") { output.line(line) }
            output.flush()
            await client.shutdown()
            if !report.isPerfect { throw ExitCode.failure }
        } catch let error as TimesaleError {
            throw Refusal("\(to): \(error)")
        } catch let fault as RecoveryFault {
            throw Refusal("\(fault)")
        }
    }

    private func refuseOldIds(_ recording: Recording, _ topology: Topology) throws {
        let horizonMs = topology.serverTimeMs - min(topology.serverTimeMs, topology.retainMs)
        let tooOld = recording.mintTimes.reduce(0) { $1.key * 1000 < horizonMs ? $0 + $1.value : $0 }
        guard tooOld > 0, let oldest = recording.mintTimes.keys.min() else { return }
        let days = (topology.serverTimeMs - oldest * 1000) / 86_400_000 + 2
        throw Refusal(
            "nothing was sent: \(tooOld) ids of the recording are older than the server remembers "
                + "any (the oldest is of "
                + "\(timeText(oldest * 1000))), so that it would refuse them. Start that server with --retain \(days)d."
        )
    }
}

/// How fast a recording is played.
enum ReplaySpeed: Equatable, ExpressibleByArgument {
    case max
    case times(Double)

    init?(argument: String) {
        if argument == "max" {
            self = .max
        } else if let factor = Double(argument), factor > 0, factor.isFinite {
            self = .times(factor)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .max: "max"
        case .times(let factor): Numbers.fixed(factor, digits: 0)
        }
    }
}

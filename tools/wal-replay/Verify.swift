import ArgumentParser
import Log

/// Reads every block of every log, the snapshot and the manifest, and replays them.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Reads everything, says what is damaged and where; exits with 0 if nothing is, else with 1.",
        discussion: """
            A torn tail is no damage: it is the trace of a crash, and the next start cuts it. Nothing in it \
            had been answered.
            """)

    @OptionGroup var argument: DirectoryArgument

    func run() throws {
        let audit = LogAudit(storage: try argument.open())
        var output = Output()
        report(audit, &output)
        var faults = audit.faults
        if faults.isEmpty {
            do {
                let replay = try replayState(audit)
                output.line(
                    "state      consistent: \(replay.engines[0].offersKnown) sales and policies, "
                        + "\(replay.engines[0].ordersRemembered) orders, "
                        + "digest \(hexadecimal(replay.engines[0].digest()))"
                )
            } catch {
                faults = [error]
            }
        }
        for fault in faults { output.line("DAMAGED    [\(fault.kind.rawValue)] \(fault)") }
        output.line(faults.isEmpty ? "ok" : "\(faults.count) damaged")
        output.flush()
        if !faults.isEmpty { throw ExitCode.failure }
    }

    private func report(_ audit: LogAudit, _ output: inout Output) {
        guard let manifest = audit.directory?.manifest else { return }
        let shards = manifest.logs.count
        output.line(
            "manifest   generation \(manifest.generation), \(shards) shard\(shards == 1 ? "" : "s"), segments of "
                + "\(manifest.segmentSizeBytes) bytes")
        for snapshot in audit.snapshots {
            output.line(
                "snapshot   \(snapshot.file): \(snapshot.blockCount) blocks, \(snapshot.recordCount) records")
        }
        for log in audit.logs {
            output.line(
                "shard \(log.shard)    log \(log.logId): \(log.segmentCount) segments, \(log.blockCount) blocks, "
                    + "\(log.lastLsn) events, last LSN \(log.lastLsn), marked durable up to \(log.markedLsn), "
                    + "sequence \(log.lastSequence)")
            if case .torn(let tail) = log.end {
                output.line(
                    "           torn tail in \(tail.file) at offset \(tail.offset): \(tail.sizeBytes) bytes, "
                        + "\(tail.blocks) readable blocks; the next start cuts it")
            }
        }
    }
}

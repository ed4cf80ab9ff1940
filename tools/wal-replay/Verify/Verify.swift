import ArgumentParser
import Engine
import Log

/// Reads every block of every log, the snapshots and the manifest, and replays them.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Reads everything, says what is damaged and where; exits with 0 if nothing is, else with 1.",
        discussion: """
            Behind a damage it goes on where a whole block follows, and says what a server would do that started here. \
            A torn tail is no damage: it is the trace of a crash, and the next start cuts it. Nothing in it \
            had been answered. Files that no start reads any more are looked at too; damage in them is told, \
            and harmless.
            """)

    @OptionGroup var argument: DirectoryArgument

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Say on stderr how far it is, also where that is no terminal.")
    var progress = false

    func run() throws {
        let storage = Progress(try argument.open(), isWanted: progress)
        let verification = Verification.of(storage)
        storage.end()
        var output = Output()
        if json {
            output.line(verification.json)
        } else {
            for line in verification.lines { output.line(line) }
        }
        output.flush()
        if !verification.faults.isEmpty { throw ExitCode.failure }
    }
}

extension Verification {
    var lines: [String] {
        var lines: [String] = []
        if let manifest = audit.directory?.manifest {
            let shards = manifest.logs.count
            lines.append(
                "manifest   generation \(manifest.generation), \(shards) shard\(shards == 1 ? "" : "s"), segments of "
                    + "\(manifest.segmentSizeBytes) bytes")
            for removed in manifest.removed {
                lines.append(
                    "           a repair has removed the blocks of sequences \(removed.from) to \(removed.until)")
            }
        }
        for snapshot in audit.snapshots {
            lines.append(
                "snapshot   \(snapshot.file): \(snapshot.blockCount) blocks, \(snapshot.recordCount) records")
        }
        for log in audit.logs { lines += log.lines }
        for segment in segments { lines.append(segment.line) }
        if case .serves(let replay, _, _) = start, faults.isEmpty {
            lines.append(
                "state      consistent: \(replay.engines[0].offersKnown) sales and policies, "
                    + "\(replay.engines[0].ordersRemembered) orders, digest \(hexadecimal(replay.engines[0].digest()))"
            )
        }
        if snapshotsAgree == true { lines.append("snapshots  hold what the manifest and the log say") }
        for name in audit.directory?.temporaries ?? [] { lines.append("leftover   \(name): a start removes it") }
        for fault in harmless {
            lines.append(
                "harmless   [\(fault.kind.rawValue)] \(fault.place): \(fault.found); no start reads this file")
        }
        for fault in faults { lines.append("DAMAGED    [\(fault.kind.rawValue)] \(fault.place): \(fault.found)") }
        if !faults.isEmpty { lines += lost + ["start      \(startSentence)"] }
        lines.append(faults.isEmpty ? "ok" : "\(faults.count) damaged")
        return lines
    }

    /// What cannot be read, log by log.
    private var lost: [String] {
        audit.logs.flatMap { log in
            log.gaps.map { gap in
                let missing = gap.next.map { next in
                    next.start.nextLsn == gap.firstLsn
                        ? "no event is lost" : "events \(gap.firstLsn) to \(next.start.nextLsn - 1) cannot be read"
                }
                let on = gap.next.map { "the log goes on in \($0.file) at offset \($0.start.offsetBytes)" }
                return "           shard \(log.shard): "
                    + [missing ?? "events from \(gap.firstLsn) on cannot be read", on].compactMap { $0 }.joined(
                        separator: ", ")
            }
        }
    }

    private var startSentence: String {
        switch start {
        case .stops(let fault): "a server would not start: \(fault.place): \(fault.found)"
        case .serves(_, _, let passedOver?): "a server would start. It says: \(passedOver)"
        case .serves(_, let base, nil):
            "a server would start, from \(base ?? "the beginning of the log"): it does not need what "
                + "is damaged, unless that is "
                + "damaged too"
        }
    }

    var json: String {
        var line = JsonLine()
        line.add("ok", faults.isEmpty)
        if let manifest = audit.directory?.manifest {
            line.add("generation", manifest.generation)
            line.add("shards", manifest.logs.count)
            line.raw("removed", JsonLine.array(manifest.removed.map(\.json)))
        }
        line.raw(
            "snapshots",
            JsonLine.array(
                audit.snapshots.map { snapshot in
                    var line = JsonLine()
                    line.add("file", snapshot.file)
                    line.add("blocks", snapshot.blockCount)
                    line.add("records", snapshot.recordCount)
                    return line.closed
                }))
        line.raw("logs", JsonLine.array(audit.logs.map(\.json)))
        line.raw("damages", JsonLine.array(faults.map(\.json)))
        line.raw("harmless", JsonLine.array(harmless.map(\.json)))
        switch start {
        case .stops: line.add("starts", false)
        case .serves(let replay, let base, let passedOver):
            line.add("starts", true)
            line.add("startsFrom", base ?? "-")
            line.add("passesOver", passedOver != nil)
            line.add("sequence", replay.lastSequence)
            line.add("digest", hexadecimal(replay.engines[0].digest()))
        }
        line.add("start", startSentence)
        return line.closed
    }
}

extension RecoveryFault {
    /// The file, and where in it.
    var place: String {
        let file = file.isEmpty ? "the logs" : file
        return offset.map { "\(file) at offset \($0)" } ?? file
    }

    var json: String {
        var line = JsonLine()
        line.add("kind", kind.rawValue)
        line.add("file", file)
        if let offset { line.add("offset", offset) }
        line.add("found", found)
        return line.closed
    }
}

extension LogAudit.Log {
    fileprivate var lines: [String] {
        var lines = [
            "shard \(shard)    log \(logId): \(segmentCount) segments, \(blockCount) blocks, \(lastLsn) events, "
                + "last LSN \(lastLsn), marked durable up to \(markedLsn), sequence \(lastSequence)"
        ]
        if case .torn(let tail) = end {
            lines.append(
                "           torn tail in \(tail.file) at offset \(tail.offset): \(tail.sizeBytes) bytes, "
                    + "\(tail.blocks) readable blocks; the next start cuts it")
        }
        return lines
    }

    fileprivate var json: String {
        var line = JsonLine()
        line.add("shard", shard)
        line.add("log", logId)
        line.add("segments", segmentCount)
        line.add("blocks", blockCount)
        line.add("lastLsn", lastLsn)
        line.add("markedLsn", markedLsn)
        line.add("sequence", lastSequence)
        if case .torn(let tail) = end {
            var torn = JsonLine()
            torn.add("file", tail.file)
            torn.add("offset", tail.offset)
            torn.add("bytes", tail.sizeBytes)
            torn.add("blocks", tail.blocks)
            line.raw("tornTail", torn.closed)
        }
        return line.closed
    }
}

extension Manifest.Removed {
    var json: String {
        var line = JsonLine()
        line.add("from", from)
        line.add("until", until)
        return line.closed
    }
}

extension SegmentCheck {
    fileprivate var line: String {
        var text = "segment    \(file): \(blockCount) blocks"
        if let lsns { text += ", events \(lsns.lowerBound) to \(lsns.upperBound)" }
        if let sequences { text += ", sequences \(sequences.lowerBound) to \(sequences.upperBound)" }
        if let unreadable { text += ", unreadable from offset \(unreadable.offset) on" }
        return text
    }
}

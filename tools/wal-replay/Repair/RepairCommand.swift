import ArgumentParser
import Engine
import Glibc
import Log
import Protocol
import Storage

/// Cuts what keeps a server from starting, after showing what would be lost, keeping a copy and asking.
struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Makes a damaged directory start again: shows what would be lost, asks, keeps a copy, cuts.",
        discussion: """
            Stop the server first, and copy the whole directory if you can. The directory's lock is taken.

            By itself it removes only what a crash has left: torn tails, which held nothing that had been \
            answered, and snapshots that cannot be used while another one can. Anything else it refuses, and says \
            from which sequence on blocks would have to go. Only with --from-sequence it removes these, of all \
            logs, so that what stays is a state that was there at a moment; how many of the lost events are known \
            to have been durable is told first.

            Every byte that is removed is kept in a file of the directory named removed-TIME-FILE-at-OFFSET. If it is \
            interrupted, no server starts until it has been run again.

              wal-replay repair DIR --dry-run
              wal-replay repair DIR
              wal-replay repair DIR --from-sequence 812
            """)

    @OptionGroup var argument: DirectoryArgument

    @Option(
        help: ArgumentHelp(
            "Remove all blocks of all logs from this sequence on, also what was durable.", valueName: "seq"))
    var fromSequence: UInt64?

    @Flag(help: "Only show what would be removed.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Say on stderr how far it is, also where that is no terminal.")
    var progress = false

    func run() throws {
        let storage = try open()
        let interrupted: Repair.Interrupted?
        do { interrupted = try Repair.interrupted(storage) } catch { throw Refusal("\(error)") }
        if let interrupted {
            print(
                "A repair from sequence \(interrupted.fromSequence) on was interrupted. "
                    + (dryRun ? "What is left of it:" : "It is brought to its end."))
        }
        let plan = try makePlan(storage, interrupted)
        // The same for all of what this run removes.
        let stamp = Self.stamp()
        for line in plan.lines(stamp: stamp) { print(line) }
        if plan.isEmpty {
            print("nothing to repair: a server starts on this directory")
            return
        }
        if dryRun { return }
        if interrupted == nil { try ask(plan) }
        do { try Repair.carryOut(plan, stamp: stamp, storage: storage) } catch { throw Refusal("\(error)") }
        try checkAfterwards(storage)
    }

    private func open() throws -> any LogStorage {
        if dryRun { return try argument.open() }
        do throws(StorageError) {
            return try DirectoryStorage.openDirectory(
                path: argument.directory, create: false, lockTimeoutMs: DirectoryStorage.toolLockTimeoutMs)
        } catch {
            throw Refusal("\(error)")
        }
    }

    private func makePlan(_ storage: any LogStorage, _ interrupted: Repair.Interrupted?) throws -> RepairPlan {
        let watched = Progress(storage, isWanted: progress)
        watched.begin("reading")
        var memory: [TableMemory] = []
        defer {
            watched.end()
            for memory in memory { memory.free() }
        }
        func tables() -> MemorySource {
            memory.append(TableMemory())
            return memory[memory.count - 1].source
        }
        do throws(RepairRefusal) {
            if let interrupted { return try RepairPlan(storage: watched, resuming: interrupted, memory: tables) }
            return try RepairPlan(storage: watched, fromSequence: fromSequence, memory: tables)
        } catch {
            throw Refusal(error.text(directory: argument.directory, given: fromSequence))
        }
    }

    private func ask(_ plan: RepairPlan) throws {
        if yes { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Refusal(
                "nothing was changed: nobody is there to be asked. Say --yes if you have seen what would go.")
        }
        let lost = plan.lost.eventCount
        writeAll(Array("Go on, and lose \(lost) event\(lost == 1 ? "" : "s")? Type yes: ".utf8), to: STDOUT_FILENO)
        guard readLine() == "yes" else { throw Refusal("nothing was changed") }
    }

    private func checkAfterwards(_ storage: any LogStorage) throws {
        let verification = Verification.of(Progress(storage, isWanted: progress))
        for fault in verification.faults {
            print("DAMAGED    [\(fault.kind.rawValue)] \(fault.place): \(fault.found)")
        }
        guard verification.faults.isEmpty, case .serves(let replay, _, _) = verification.start else {
            throw Refusal("the directory is still damaged")
        }
        print(
            "repaired: a server starts on this directory; sequence \(replay.lastSequence), digest "
                + hexadecimal(replay.engines[0].digest()))
    }

    /// The time of the wall clock, for names of files.
    private static func stamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let ms = UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
        return timeText(ms).filter { $0.isNumber || $0 == "T" || $0 == "Z" }
    }
}

/// On stdout, at once: a question may follow.
private func print(_ line: String) { writeAll(Array("\(line)\n".utf8), to: STDOUT_FILENO) }

extension RepairPlan {
    func lines(stamp: String) -> [String] {
        var lines: [String] = []
        for (snapshot, fault) in dropped {
            let name = snapshot ?? "the log from its beginning"
            let why =
                fault.map { "cannot be used (\($0.place): \($0.found))" } ?? "holds more than what is to be kept"
            let aside = snapshot.map {
                "; it is kept as " + Repair.nameAside(of: $0, isDamaged: fault?.file == $0, stamp: stamp)
            }
            lines.append("snapshot   \(name) \(why)\(aside ?? "")")
        }
        for cut in cuts where !cut.pieces.isEmpty {
            let file = LogFiles.segment(log: cut.log, number: cut.position.segment)
            let sizeBytes = cut.pieces.reduce(0) { $0 + $1.sizeBytes }
            lines.append(
                "shard \(cut.shard)    cut in \(file) at offset \(cut.position.offsetBytes), behind event "
                    + "\(cut.position.nextLsn - 1): \(sizeBytes) bytes go")
            for piece in cut.pieces { lines.append("           copy: \(Repair.copyName(of: piece, stamp: stamp))") }
            lines += cut.lost.lines.map { "           \($0)" }
        }
        if let untilSequence { lines.append("kept       all blocks up to sequence \(untilSequence)") }
        if let removed {
            lines.append(
                "sequences  \(removed.from) to \(removed.until) are not used again: whoever has followed the log "
                    + "further than what is kept is told TRIMMED")
        }
        guard lost.eventCount > 0 else {
            if !isEmpty { lines.append("lost       no event that can be told") }
            return lines
        }
        lines.append("lost       \(lost.summary)")
        return lines
    }
}

extension RepairPlan.Lost {
    /// How many events there are, and how many of them can have been answered.
    var summary: String {
        let events = eventCount == 1 ? "1 event" : "\(eventCount) events"
        if durableCount == 0 {
            return
                "\(events), none of them known to have been durable: not answered, unless the server ran with --fsync "
                + "everysec or no"
        }
        return "\(events), of which \(durableCount) are known to have been durable: THESE HAVE BEEN ANSWERED"
    }

    var lines: [String] {
        if eventCount == 0 { return ["no event can be told"] }
        var lines = [summary]
        for kind in EventKind.allCases where counts[kind] > 0 { lines.append("  \(counts[kind]) \(kind)") }
        let unreadable = Int(clamping: eventCount) - counts.total
        if unreadable > 0 { lines.append("  \(unreadable) that cannot be read") }
        return lines
    }
}

extension RepairRefusal {
    func text(directory: String, given: UInt64?) -> String {
        var text = "nothing was changed: \(fault.place): \(fault.found)"
        if let sentence { text += "; \(sentence)" }
        text += "."
        guard let fromSequence, given.map({ fromSequence < $0 }) ?? true else { return text }
        return text + """
            \nThis is not the trace of a crash. A server starts again without all blocks from sequence \
            \(fromSequence) on; \
            see first what would be lost, and whether a backup has it:
              wal-replay repair \(directory) --from-sequence \(fromSequence) --dry-run
            """
    }
}

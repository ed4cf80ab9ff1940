import Engine
import Log

/// Everything that can be said about the condition of a data directory, without changing it.
struct Verification {
    /// What a server that starts on it would do.
    enum Start {
        /// It serves. Of a snapshot that it has to pass over, the sentence about that.
        case serves(Replay, base: String?, passedOver: String?)
        case stops(RecoveryFault)
    }

    let audit: LogAudit
    /// Each damage of what the manifest names.
    private(set) var faults: [RecoveryFault]
    /// Damage of files that no start reads.
    private(set) var harmless: [RecoveryFault] = []
    private(set) var start: Start
    /// Where there is no manifest to tell what belongs together: each segment by itself.
    private(set) var segments: [SegmentCheck] = []
    /// Whether the snapshots hold what their digests in the manifest and the log between them say; nil if that could
    /// not be asked.
    private(set) var snapshotsAgree: Bool?
    private let memory = TableMemory()

    /// In a directory in use, once more if the server changed the manifest meanwhile.
    static func of(_ storage: Progress) -> Verification {
        while true {
            let before = try? LogDirectory(storage: storage).manifest
            let verification = Verification(storage)
            let after = try? LogDirectory(storage: storage).manifest
            if verification.faults.isEmpty || before == after { return verification }
        }
    }

    private init(_ storage: Progress) {
        storage.begin("reading")
        audit = LogAudit(storage: storage)
        faults = audit.faults
        guard let directory = audit.directory, let manifest = directory.manifest else {
            start = .stops(audit.faults[0])
            lookAround(storage)
            return
        }
        storage.begin("replaying")
        let last = max(audit.logs.map(\.lastSequence).max() ?? 0, manifest.usedSequence)
        do throws(RecoveryFault) {
            var passedOver: String?
            let replay = try Recovery.rehearse(
                directory, manifest, untilSequence: faults.isEmpty ? last : .max,
                configuration: audit.configuration,
                memory: memory.source, nowMs: 0
            ) {
                passedOver = "\($0)"
            }
            start = .serves(replay, base: replay.base.snapshot, passedOver: passedOver)
        } catch {
            start = .stops(error)
            if !faults.contains(where: { $0.file == error.file && $0.offset == error.offset }) {
                faults.append(error)
            }
        }
        checkCovered(directory)
        if faults.isEmpty { compareSnapshots(directory, manifest, storage) }
    }

    private mutating func checkCovered(_ directory: LogDirectory) {
        for (log, number) in directory.covered {
            do {
                harmless += try SegmentCheck(storage: directory.storage, log: log, number: number).faults
            } catch {
                harmless.append(error)
            }
        }
    }

    /// The newest snapshot has to hold what the manifest says, and what the one before it and the log in between
    /// come to.
    private mutating func compareSnapshots(_ directory: LogDirectory, _ manifest: Manifest, _ storage: Progress) {
        let newest = manifest.newestBase
        guard newest.snapshot != nil, newest.digest != 0 else { return }
        storage.begin("comparing the snapshots")
        snapshotsAgree = true
        for base in manifest.bases {
            let memory = TableMemory()
            defer { memory.free() }
            do {
                let replay = try Replay(
                    directory, manifest: manifest, base: base, untilSequence: newest.sequence,
                    configuration: audit.configuration, memory: memory.source, nowMs: 0)
                let digest = replay.engines[0].digest()
                guard digest != newest.digest else { continue }
                let what =
                    base == newest
                    ? "it holds a state with the digest \(hexadecimal(digest))"
                    : "\(base.snapshot ?? "the log from its beginning") and the log up to sequence "
                    + "\(newest.sequence) come to "
                        + "the digest \(hexadecimal(digest))"
                faults.append(
                    RecoveryFault(
                        .contradiction, file: newest.snapshot ?? LogFiles.manifest,
                        "\(what), the manifest says \(hexadecimal(newest.digest))."))
            } catch {
                faults.append(error)
            }
            snapshotsAgree = faults.isEmpty
        }
    }

    /// What the files say by themselves.
    private mutating func lookAround(_ storage: Progress) {
        do throws(RecoveryFault) {
            let directory = try LogDirectory(namesIn: storage)
            for name in directory.snapshots {
                guard let (generation, sequence) = LogFiles.parseSnapshot(name) else { continue }
                do throws(RecoveryFault) {
                    try SnapshotReader.verify(
                        storage: storage, file: name, generation: generation, sequence: sequence)
                } catch {
                    faults.append(error)
                }
            }
            for (log, numbers) in directory.segments.sorted(by: { $0.key < $1.key }) {
                for number in numbers {
                    let check = try SegmentCheck(storage: storage, log: log, number: number)
                    segments.append(check)
                    faults += check.faults
                }
            }
        } catch {
            faults.append(error)
        }
    }
}

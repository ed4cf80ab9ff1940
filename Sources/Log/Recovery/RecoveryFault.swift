import Engine

/// Why a start stops: what was found, where, and what helps.
///
/// A fault is found before anything in the directory has changed, except for faults of the storage itself.
public struct RecoveryFault: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: String, CaseIterable, Sendable {
        /// What had been synced is no longer what was written.
        case damage
        /// A file that must be there is not.
        case missing
        /// Written by a newer version of the program.
        case newer
        /// The state does not fit into the configured tables.
        case capacity
        /// Whole blocks say what cannot be: an event against the state, more units given out than there were.
        case contradiction
        /// The operating system refused.
        case storage
    }

    public var kind: Kind
    /// The plain name of the file, or "" where it is not one file's fault.
    public var file: String
    /// Where in the file, in bytes.
    public var offset: Int?
    /// What was found and what helps, as full sentences.
    public var sentence: String

    public init(_ kind: Kind, file: String, offset: Int? = nil, _ sentence: String) {
        self.kind = kind
        self.file = file
        self.offset = offset
        self.sentence = sentence
    }

    init(_ error: StorageError) {
        self.init(.storage, file: error.file, "\(error.description).")
    }

    /// What an event of a whole block was refused for.
    public init(_ fault: EventFault, file: String, offset: Int, lsn: UInt64) {
        let found: String
        let kind: Kind
        switch fault {
        case .unknownKind(let raw):
            (kind, found) = (.damage, "event \(lsn) is of kind \(raw), which does not exist in this version")
        case .wrongSize(let raw, let sizeBytes):
            (kind, found) = (.damage, "event \(lsn) of kind \(raw) has \(sizeBytes) bytes")
        case .cutShort:
            (kind, found) = (.damage, "the events end at \(lsn), not where their header says")
        case .contradiction(let sentence):
            (kind, found) = (.contradiction, "event \(lsn) contradicts the events before it: \(sentence)")
        case .capacity(let what, let countMax):
            self.init(
                .capacity, file: file, offset: offset,
                "the log has more \(what) than the \(countMax) that this start has room for on one shard. "
                    + "Start with a higher limit of \(what).")
            return
        }
        self.init(kind, file: file, offset: offset, "\(found). \(Self.help)")
    }

    /// What was found, without what helps.
    public var found: String {
        var found = sentence
        if found.hasSuffix(Self.help) { found.removeLast(Self.help.count) }
        while found.hasSuffix(" ") || found.hasSuffix(".") { found.removeLast() }
        return found
    }

    static let help =
        "Nothing was changed; `wal-replay verify DIR` on the data directory shows what is damaged."

    public var description: String {
        let place = offset.map { "\(file) at offset \($0): " } ?? (file.isEmpty ? "" : "\(file): ")
        return place + sentence
    }
}

/// Runs calls on the storage; what it refuses becomes a fault of the recovery.
func reporting<T: ~Copyable>(_ body: () throws(StorageError) -> T) throws(RecoveryFault) -> T {
    do { return try body() } catch { throw RecoveryFault(error) }
}

/// What an operator should read of a start that succeeded.
public enum RecoveryNote: Equatable, Sendable, CustomStringConvertible {
    /// The directory was empty: this is the first start.
    case created(shards: Int)
    /// A write that a crash cut short lay behind the last whole block of a log.
    case tornTailCut(TornTail)
    /// A file that a crash left behind and that nothing names.
    case leftoverRemoved(file: String)
    /// The newest snapshot cannot be used: the start goes back to the one before it, and to the log since then.
    case snapshotDamaged(RecoveryFault, fallback: String?)
    case resharded(from: Int, to: Int, generation: UInt64)

    public var description: String {
        switch self {
        case .created(let shards): "started a new log for \(shards) shard\(shards == 1 ? "" : "s")"
        case .tornTailCut(let tail): tail.description
        case .leftoverRemoved(let file): "removed \(file), which an interrupted start or stop had left behind"
        case .snapshotDamaged(let fault, let fallback):
            "\(fault.file) cannot be used (\(fault.found)): "
                + (fallback.map { "starting from \($0) and the log since then" } ?? "starting from the log alone")
                + "; the damaged file is kept as \(fault.file)\(LogFiles.damagedSuffix)"
        case .resharded(let from, let to, let generation):
            "went from \(from) to \(to) shards: generation \(generation) of the log starts from a snapshot"
        }
    }
}

/// What lay behind the last whole block of a log after a crash: writes that were under way.
public struct TornTail: Equatable, Sendable, CustomStringConvertible {
    public var shard: Int
    /// Where it begins.
    public var file: String
    public var offset: Int
    /// What is not zero, in whole disk blocks.
    public var sizeBytes: Int
    /// Whole headers of this log in it: blocks that had come after one that is missing.
    public var blocks: Int

    public var description: String {
        "cut the log of shard \(shard) in \(file) at offset \(offset): \(sizeBytes) bytes of writes that a crash cut "
            + "short, with \(blocks) readable block\(blocks == 1 ? "" : "s"), none of them known durable"
    }
}
